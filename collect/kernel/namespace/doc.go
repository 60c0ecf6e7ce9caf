// Package namespace finds namespaces and visits them (man 7 namespaces).
//
//	ParseLink, Self, ID   the identity of a namespace
//	Owner                 its owner
//	Visit, VisitEach      on another thread: open, enter (setns), ask, return
package namespace
