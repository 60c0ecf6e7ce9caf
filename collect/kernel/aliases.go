package kernel

import (
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/machine"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/undo"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// The names under which other packages know what moved into rooms.

const AnyChild = process.AnyChild
const CanRead = fdinfo.CanRead
const CanWrite = fdinfo.CanWrite
const ChildGroup = process.ChildGroup
const ClockTick = sys.ClockTick
const EOF = fdinfo.EOF
const Elsewhere = process.Elsewhere
const Ended = process.Ended
const Foreign32 = process.Foreign32
const Frozen = process.Frozen
const FutexMutex = process.FutexMutex
const FutexOther = process.FutexOther
const FutexPIMutex = process.FutexPIMutex
const FutexRWLock = process.FutexRWLock
const FutexRobust = process.FutexRobust
const IPCCreat = sysv.IPCCreat
const IPCExcl = sysv.IPCExcl
const IPCNoWait = sysv.IPCNoWait
const InCall = process.InCall
const InitialIPCNamespace = namespace.InitialIPC
const InitialPIDNamespace = namespace.InitialPID
const KeyPrivate = sysv.KeyPrivate
const MsgNoError = sysv.MsgNoError
const OnCPU = process.OnCPU
const OneChild = process.OneChild
const SemUndo = sysv.SemUndo
const ShmHugeTLB = sysv.ShmHugeTLB
const ShutdownReceive = sock.ShutdownReceive
const ShutdownSend = sock.ShutdownSend
const Sleepless = process.Sleepless
const SocketCloseWait = sock.SocketCloseWait
const SocketClosed = sock.SocketClosed
const SocketDgram = sock.SocketDgram
const SocketEstablished = sock.SocketEstablished
const SocketFinWait2 = sock.SocketFinWait2
const SocketListen = sock.SocketListen
const SocketStream = sock.SocketStream
const SocketTimeWait = sock.SocketTimeWait
const Stopped = process.Stopped
const TCPInfinite = sock.TCPInfinite
const TimerOff = sock.TimerOff
const Traced = process.Traced
const UnixAbstract = sock.UnixAbstract
const UnixPath = sock.UnixPath
const UnixUnnamed = sock.UnixUnnamed
const Worker = process.Worker

type Access = fdinfo.Access
type AwaitedFD = process.AwaitedFD
type BlockedCall = process.BlockedCall
type Capabilities = process.Capabilities
type CapabilitySet = process.CapabilitySet
type ChildWait = process.ChildWait
type EpollTarget = fdinfo.EpollTarget
type EventFD = fdinfo.EventFD
type FDDir = process.FDDir
type FileID = vfs.FileID
type FileLock = fdinfo.FileLock
type Futex = process.Futex
type FutexKind = process.FutexKind
type HeldLock = fdinfo.HeldLock
type IDMap = process.IDMap
type IOUring = fdinfo.IOUring
type IPCPerm = sysv.IPCPerm
type InetSocket = sock.InetSocket
type InotifyWatch = fdinfo.InotifyWatch
type Mapping = process.Mapping
type MqAttr = posix.MqAttr
type MqStatus = posix.MqStatus
type MsgQueue = sysv.MsgQueue
type Namespace = namespace.Namespace
type NetlinkSocket = sock.NetlinkSocket
type PacketSocket = sock.PacketSocket
type PathScan = vfs.PathScan
type PeekedMessage = sysv.PeekedMessage
type PidFD = fdinfo.PidFD
type PipeState = process.PipeState
type PosixFile = vfs.PosixFile
type PosixQueue = posix.Queue
type PosixSem = posix.Sem
type ProcDir = process.Dir
type ProcLimits = process.ProcLimits
type ProcStat = process.ProcStat
type ProcStatus = process.ProcStatus
type RunClock = process.RunClock
type Script = process.Script
type SemOp = sysv.SemOp
type SemSet = sysv.SemSet
type SemValue = sysv.SemValue
type ShmSegment = sysv.ShmSegment
type Shutdown = sock.Shutdown
type SignalMasks = process.SignalMasks
type SignalSet = sys.SignalSet
type SignalTimer = process.SignalTimer
type TCPInfo = sock.TCPInfo
type Task = process.Task
type TimerFD = fdinfo.TimerFD
type Undo = undo.Undo
type UndoReader = undo.Reader
type UnixNaming = sock.UnixNaming
type UnixSocket = sock.UnixSocket
type UserSession = machine.UserSession
type VsockAddr = sock.VsockAddr
type VsockSocket = sock.VsockSocket

var BootTime = sys.BootTime
var CPUTime = process.CPUTime
var CompareFiles = process.CompareFiles
var Denied = sys.Denied
var DeviceOf = vfs.DeviceOf
var EffectiveUID = sys.EffectiveUID
var Entered = namespace.Entered
var ErrChanged = posix.ErrChanged
var ErrMayHang = process.ErrMayHang
var ErrNoPeek = sysv.ErrNoPeek
var ErrNotLive = sys.ErrNotLive
var ErrNotMounted = posix.ErrNotMounted
var ErrUntold = process.ErrUntold
var EtherType = sock.EtherType
var Ftok = sysv.Ftok
var FutexCall = process.FutexCall
var Gone = sys.Gone
var IPCCalls = process.IPCCalls
var LinkInode = scan.LinkInode
var MayAdminIPC = sys.MayAdminIPC
var MayTraceAll = sys.MayTraceAll
var NamespaceTypes = namespace.Types
var NetlinkProtocol = sock.NetlinkProtocol
var NewRunClock = process.NewRunClock
var OthersMayMove = vfs.OthersMayMove
var PageSize = sys.PageSize
var ParseCapabilities = process.ParseCapabilities
var ParseEpoll = fdinfo.ParseEpoll
var ParseEventFD = fdinfo.ParseEventFD
var ParseFDInfoLocks = fdinfo.ParseFDInfoLocks
var ParseIDMap = process.ParseIDMap
var ParseIOUring = fdinfo.ParseIOUring
var ParseInFlight = fdinfo.ParseInFlight
var ParseInotify = fdinfo.ParseInotify
var ParseNSPids = process.ParseNSPids
var ParseNamespaceLink = namespace.ParseLink
var ParsePidFD = fdinfo.ParsePidFD
var ParseProcLimits = process.ParseProcLimits
var ParseProcStat = process.ParseProcStat
var ParseProcStatus = process.ParseProcStatus
var ParseSignalFD = fdinfo.ParseSignalFD
var ParseSignalMasks = process.ParseSignalMasks
var ParseTTYIndex = fdinfo.ParseTTYIndex
var ParseTimerFD = fdinfo.ParseTimerFD
var ParseTracer = process.ParseTracer
var PollPipe = process.PollPipe
var ProcessExists = process.ProcessExists
var ReadFile = vfs.ReadFile
var ReadPipe = process.ReadPipe
var ReadSocketTimes = sock.ReadSocketTimes
var SameFiles = process.SameFiles
var SchedClass = process.SchedClass
var SegmentDevices = sysv.SegmentDevices
var SignalName = sys.SignalName
var SlavesClosed = process.SlavesClosed
var StatFile = vfs.StatFile
var TerminalColumns = sys.TerminalColumns
var WatchesFile = process.WatchesFile
