package kernel

import (
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// The names under which other packages know what moved into rooms.

const ClockTick = sys.ClockTick

type FileID = vfs.FileID
type PathScan = vfs.PathScan
type PosixFile = vfs.PosixFile
type SignalSet = sys.SignalSet

var BootTime = sys.BootTime
var Denied = sys.Denied
var DeviceOf = vfs.DeviceOf
var EffectiveUID = sys.EffectiveUID
var ErrNotLive = sys.ErrNotLive
var Gone = sys.Gone
var LinkInode = scan.LinkInode
var MayAdminIPC = sys.MayAdminIPC
var MayTraceAll = sys.MayTraceAll
var OthersMayMove = vfs.OthersMayMove
var PageSize = sys.PageSize
var ReadFile = vfs.ReadFile
var SignalName = sys.SignalName
var StatFile = vfs.StatFile
var TerminalColumns = sys.TerminalColumns
