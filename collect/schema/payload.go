package schema

import "unsafe"

// This file keeps texts and lists in a Value as an address and a number of elements, as log/slog does. The type of the
// Value tells what is at the address, and no other file reads memory or size. The address keeps the memory alive.

func textValue(s string) Value {
	return Value{state: Known, typ: TypeString, memory: unsafe.Pointer(unsafe.StringData(s)), size: uint32(len(s))}
}

// Str gives the text of a Known TypeString value.
func (v Value) Str() string {
	if v.typ != TypeString {
		return ""
	}
	return unsafe.String((*byte)(v.memory), v.size)
}

func endpointsValue(e []Endpoint) Value {
	return Value{state: Known, typ: TypeEndpoints, memory: unsafe.Pointer(unsafe.SliceData(e)), size: uint32(len(e))}
}

// Endpoints gives the processes of a Known TypeEndpoints value.
func (v Value) Endpoints() []Endpoint {
	if v.typ != TypeEndpoints {
		return nil
	}
	return unsafe.Slice((*Endpoint)(v.memory), v.size)
}

func listValue(l []string) Value {
	return Value{state: Known, typ: TypeList, memory: unsafe.Pointer(unsafe.SliceData(l)), size: uint32(len(l))}
}

// List gives the strings of a Known TypeList value.
func (v Value) List() []string {
	if v.typ != TypeList {
		return nil
	}
	return unsafe.Slice((*string)(v.memory), v.size)
}

func refValue(r *Ref) Value {
	return Value{state: Known, typ: TypeRef, memory: unsafe.Pointer(r), size: 1}
}

// Ref gives the object of a Known TypeRef value.
func (v Value) Ref() Ref {
	if v.typ != TypeRef || v.memory == nil {
		return Ref{}
	}
	return *(*Ref)(v.memory)
}
