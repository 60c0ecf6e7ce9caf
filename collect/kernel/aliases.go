package kernel

import (
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/machine"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/proc"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/undo"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// The names under which other packages know what moved into rooms.

const AnyChild = proc.AnyChild
const CanRead = fdinfo.CanRead
const CanWrite = fdinfo.CanWrite
const ChildGroup = proc.ChildGroup
const ClockTick = sys.ClockTick
const EOF = fdinfo.EOF
const Elsewhere = proc.Elsewhere
const Ended = proc.Ended
const Foreign32 = proc.Foreign32
const Frozen = proc.Frozen
const FutexMutex = proc.FutexMutex
const FutexOther = proc.FutexOther
const FutexPIMutex = proc.FutexPIMutex
const FutexRWLock = proc.FutexRWLock
const FutexRobust = proc.FutexRobust
const IPCCreat = sysv.IPCCreat
const IPCExcl = sysv.IPCExcl
const IPCNoWait = sysv.IPCNoWait
const InCall = proc.InCall
const InitialIPCNamespace = namespace.InitialIPC
const InitialPIDNamespace = namespace.InitialPID
const KeyPrivate = sysv.KeyPrivate
const MsgNoError = sysv.MsgNoError
const OnCPU = proc.OnCPU
const OneChild = proc.OneChild
const SemUndo = sysv.SemUndo
const ShmHugeTLB = sysv.ShmHugeTLB
const ShutdownReceive = sock.ShutdownReceive
const ShutdownSend = sock.ShutdownSend
const Sleepless = proc.Sleepless
const SocketCloseWait = sock.SocketCloseWait
const SocketClosed = sock.SocketClosed
const SocketDgram = sock.SocketDgram
const SocketEstablished = sock.SocketEstablished
const SocketFinWait2 = sock.SocketFinWait2
const SocketListen = sock.SocketListen
const SocketStream = sock.SocketStream
const SocketTimeWait = sock.SocketTimeWait
const Stopped = proc.Stopped
const TCPInfinite = sock.TCPInfinite
const TimerOff = sock.TimerOff
const Traced = proc.Traced
const UnixAbstract = sock.UnixAbstract
const UnixPath = sock.UnixPath
const UnixUnnamed = sock.UnixUnnamed
const Worker = proc.Worker

type Access = fdinfo.Access
type AwaitedFD = proc.AwaitedFD
type BlockedCall = proc.BlockedCall
type Capabilities = proc.Capabilities
type CapabilitySet = proc.CapabilitySet
type ChildWait = proc.ChildWait
type EpollTarget = fdinfo.EpollTarget
type EventFD = fdinfo.EventFD
type FDDir = proc.FDDir
type FileID = vfs.FileID
type FileLock = fdinfo.FileLock
type Futex = proc.Futex
type FutexKind = proc.FutexKind
type HeldLock = fdinfo.HeldLock
type IDMap = proc.IDMap
type IOUring = fdinfo.IOUring
type IPCPerm = sysv.IPCPerm
type InetSocket = sock.InetSocket
type InotifyWatch = fdinfo.InotifyWatch
type Mapping = proc.Mapping
type MqAttr = posix.MqAttr
type MqStatus = posix.MqStatus
type MsgQueue = sysv.MsgQueue
type Namespace = namespace.Namespace
type NetlinkSocket = sock.NetlinkSocket
type PacketSocket = sock.PacketSocket
type PathScan = vfs.PathScan
type PeekedMessage = sysv.PeekedMessage
type PidFD = fdinfo.PidFD
type PipeState = proc.PipeState
type PosixFile = vfs.PosixFile
type PosixQueue = posix.Queue
type PosixSem = posix.Sem
type ProcDir = proc.Dir
type ProcLimits = proc.ProcLimits
type ProcStat = proc.ProcStat
type ProcStatus = proc.ProcStatus
type RunClock = proc.RunClock
type Script = proc.Script
type SemOp = sysv.SemOp
type SemSet = sysv.SemSet
type SemValue = sysv.SemValue
type ShmSegment = sysv.ShmSegment
type Shutdown = sock.Shutdown
type SignalMasks = proc.SignalMasks
type SignalSet = sys.SignalSet
type SignalTimer = proc.SignalTimer
type TCPInfo = sock.TCPInfo
type Task = proc.Task
type TimerFD = fdinfo.TimerFD
type Undo = undo.Undo
type UndoReader = undo.Reader
type UnixNaming = sock.UnixNaming
type UnixSocket = sock.UnixSocket
type UserSession = machine.UserSession
type VsockAddr = sock.VsockAddr
type VsockSocket = sock.VsockSocket

var BootTime = sys.BootTime
var CPUTime = proc.CPUTime
var CompareFiles = proc.CompareFiles
var Denied = sys.Denied
var DeviceOf = vfs.DeviceOf
var EffectiveUID = sys.EffectiveUID
var Entered = namespace.Entered
var ErrChanged = posix.ErrChanged
var ErrMayHang = proc.ErrMayHang
var ErrNoPeek = sysv.ErrNoPeek
var ErrNotLive = sys.ErrNotLive
var ErrNotMounted = posix.ErrNotMounted
var ErrUntold = proc.ErrUntold
var EtherType = sock.EtherType
var Ftok = sysv.Ftok
var FutexCall = proc.FutexCall
var Gone = sys.Gone
var IPCCalls = proc.IPCCalls
var LinkInode = scan.LinkInode
var MayAdminIPC = sys.MayAdminIPC
var MayTraceAll = sys.MayTraceAll
var NamespaceTypes = namespace.Types
var NetlinkProtocol = sock.NetlinkProtocol
var NewRunClock = proc.NewRunClock
var OthersMayMove = vfs.OthersMayMove
var PageSize = sys.PageSize
var ParseCapabilities = proc.ParseCapabilities
var ParseEpoll = fdinfo.ParseEpoll
var ParseEventFD = fdinfo.ParseEventFD
var ParseFDInfoLocks = fdinfo.ParseFDInfoLocks
var ParseIDMap = proc.ParseIDMap
var ParseIOUring = fdinfo.ParseIOUring
var ParseInFlight = fdinfo.ParseInFlight
var ParseInotify = fdinfo.ParseInotify
var ParseNSPids = proc.ParseNSPids
var ParseNamespaceLink = namespace.ParseLink
var ParsePidFD = fdinfo.ParsePidFD
var ParseProcLimits = proc.ParseProcLimits
var ParseProcStat = proc.ParseProcStat
var ParseProcStatus = proc.ParseProcStatus
var ParseSignalFD = fdinfo.ParseSignalFD
var ParseSignalMasks = proc.ParseSignalMasks
var ParseTTYIndex = fdinfo.ParseTTYIndex
var ParseTimerFD = fdinfo.ParseTimerFD
var ParseTracer = proc.ParseTracer
var PollPipe = proc.PollPipe
var ProcessExists = proc.ProcessExists
var ReadFile = vfs.ReadFile
var ReadPipe = proc.ReadPipe
var ReadSocketTimes = sock.ReadSocketTimes
var SameFiles = proc.SameFiles
var SchedClass = proc.SchedClass
var SegmentDevices = sysv.SegmentDevices
var SignalName = sys.SignalName
var SlavesClosed = proc.SlavesClosed
var StatFile = vfs.StatFile
var TerminalColumns = sys.TerminalColumns
var WatchesFile = proc.WatchesFile
