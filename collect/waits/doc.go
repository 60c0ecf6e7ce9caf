// Package waits is the kind wait: who waits on whom. A row is a thread that waits for somebody, or one that others wait
// for.
//
//	threads of the walk ─► graph: what each call is on, and who could end the wait ─► relate.Task
//	relate.Solve ─► doubts: what else may end a wait and stands in no argument of its call ─► relate.Solve again
//	─► agreement with the solution of the tick before ─► rows, edges, findings
//
// The graph asks for the objects of other kinds when the first thread waits for such. The kinds stand in Requires.
package waits
