// Package software tells which software an object belongs to. Each software has its own keys, names, sizes and owners
// of objects. signatures.yaml lists them. A user's file of the same form comes before it.
//
//	signatures.yaml, the user's file ─► Read ─► Signatures ─► Match ◄─ data directories of PostgreSQL
//	an object's row ─► Subject ─► Match, as the object's note: Of
package software
