// Package waits is the kind wait: who waits on whom. A row is a thread that waits for somebody, or a thread that others
// wait for.
//
//	threads of the walk ─► graph: the objects of each call, and the possible enders of the wait ─► relate.Task
//	relate.Solve ─► doubts: enders that no argument of the call names ─► relate.Solve again
//	─► agreement with the solution of the tick before ─► rows, edges, findings
//
// The graph lists the objects of another kind when the first thread waits for such an object. Requires names these
// kinds.
package waits
