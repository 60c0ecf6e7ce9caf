package utillinux

import "github.com/ipctop/ipctop/collect/schema"

// Changes are the deeds of ipcrm and ipcmk: at once and without a question. actions.Direct does them. Errors wrap the
// errno of the call.
type Changes interface {
	Find(kind schema.Kind, key uint32) (id int, err error)
	Create(kind schema.Kind, size uint64, mode int, random func() uint32) (id int, err error)
	Remove(kind schema.Kind, id int) error
	CreatePosixMsg(name string, mode uint32) error
	CreatePosixSem(name string, mode uint32) error
	CreatePosixShm(name string, size uint64, mode uint32) error
	RemovePosixMsg(name string) error
	RemovePosixSem(name string) error
	RemovePosixShm(name string) error
}
