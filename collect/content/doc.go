// Package content reads the content of queues and shared memory. It takes no message out and attaches no segment.
//
//	Peek: a part of one object, for ipctop peek
//	Aspect: the first messages or bytes, for an object's page
package content
