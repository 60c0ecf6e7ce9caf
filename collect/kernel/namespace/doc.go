// Package namespace finds namespaces and visits them (man 7 namespaces).
//
//	ParseLink, Self, ID   which namespace it is
//	Owner                 whose it is
//	Visit, VisitEach      on a thread of its own: open, enter (setns), ask, come home
package namespace
