// Package software tells whose an object is. Software gives its objects keys, names, sizes and owners of a kind.
// signatures.yaml says which, and a user's file of the same form goes before it.
//
//	signatures.yaml, the user's file ─► Read ─► Signatures ─► Match ◄─ data directories of PostgreSQL
//	an object's row ─► Subject ─► Match, as the object's note: Of
package software
