package kernel

import (
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// The names under which other packages know what moved into rooms.

const ClockTick = sys.ClockTick

type SignalSet = sys.SignalSet

var BootTime = sys.BootTime
var Denied = sys.Denied
var EffectiveUID = sys.EffectiveUID
var ErrNotLive = sys.ErrNotLive
var Gone = sys.Gone
var LinkInode = scan.LinkInode
var MayAdminIPC = sys.MayAdminIPC
var MayTraceAll = sys.MayTraceAll
var PageSize = sys.PageSize
var SignalName = sys.SignalName
var TerminalColumns = sys.TerminalColumns
