package actions

import "unsafe"

// addressOf is where data begins.
func addressOf(data []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(data)))) }
