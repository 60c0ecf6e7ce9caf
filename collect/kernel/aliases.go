package kernel

import (
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// The names under which other packages know what moved into rooms.

const CanRead = fdinfo.CanRead
const CanWrite = fdinfo.CanWrite
const ClockTick = sys.ClockTick
const EOF = fdinfo.EOF
const IPCCreat = sysv.IPCCreat
const IPCExcl = sysv.IPCExcl
const IPCNoWait = sysv.IPCNoWait
const InitialIPCNamespace = namespace.InitialIPC
const InitialPIDNamespace = namespace.InitialPID
const KeyPrivate = sysv.KeyPrivate
const MsgNoError = sysv.MsgNoError
const SemUndo = sysv.SemUndo
const ShmHugeTLB = sysv.ShmHugeTLB
const ShutdownReceive = sock.ShutdownReceive
const ShutdownSend = sock.ShutdownSend
const SocketCloseWait = sock.SocketCloseWait
const SocketClosed = sock.SocketClosed
const SocketDgram = sock.SocketDgram
const SocketEstablished = sock.SocketEstablished
const SocketFinWait2 = sock.SocketFinWait2
const SocketListen = sock.SocketListen
const SocketStream = sock.SocketStream
const SocketTimeWait = sock.SocketTimeWait
const TCPInfinite = sock.TCPInfinite
const TimerOff = sock.TimerOff
const UnixAbstract = sock.UnixAbstract
const UnixPath = sock.UnixPath
const UnixUnnamed = sock.UnixUnnamed

type Access = fdinfo.Access
type EpollTarget = fdinfo.EpollTarget
type EventFD = fdinfo.EventFD
type FileID = vfs.FileID
type FileLock = fdinfo.FileLock
type HeldLock = fdinfo.HeldLock
type IOUring = fdinfo.IOUring
type IPCPerm = sysv.IPCPerm
type InetSocket = sock.InetSocket
type InotifyWatch = fdinfo.InotifyWatch
type MqAttr = posix.MqAttr
type MqStatus = posix.MqStatus
type MsgQueue = sysv.MsgQueue
type Namespace = namespace.Namespace
type NetlinkSocket = sock.NetlinkSocket
type PacketSocket = sock.PacketSocket
type PathScan = vfs.PathScan
type PeekedMessage = sysv.PeekedMessage
type PidFD = fdinfo.PidFD
type PosixFile = vfs.PosixFile
type PosixQueue = posix.Queue
type PosixSem = posix.Sem
type SemOp = sysv.SemOp
type SemSet = sysv.SemSet
type SemValue = sysv.SemValue
type ShmSegment = sysv.ShmSegment
type Shutdown = sock.Shutdown
type SignalSet = sys.SignalSet
type TCPInfo = sock.TCPInfo
type TimerFD = fdinfo.TimerFD
type UnixNaming = sock.UnixNaming
type UnixSocket = sock.UnixSocket
type VsockAddr = sock.VsockAddr
type VsockSocket = sock.VsockSocket

var BootTime = sys.BootTime
var Denied = sys.Denied
var DeviceOf = vfs.DeviceOf
var EffectiveUID = sys.EffectiveUID
var Entered = namespace.Entered
var ErrChanged = posix.ErrChanged
var ErrNoPeek = sysv.ErrNoPeek
var ErrNotLive = sys.ErrNotLive
var ErrNotMounted = posix.ErrNotMounted
var EtherType = sock.EtherType
var Ftok = sysv.Ftok
var Gone = sys.Gone
var LinkInode = scan.LinkInode
var MayAdminIPC = sys.MayAdminIPC
var MayTraceAll = sys.MayTraceAll
var NamespaceTypes = namespace.Types
var NetlinkProtocol = sock.NetlinkProtocol
var OthersMayMove = vfs.OthersMayMove
var PageSize = sys.PageSize
var ParseEpoll = fdinfo.ParseEpoll
var ParseEventFD = fdinfo.ParseEventFD
var ParseFDInfoLocks = fdinfo.ParseFDInfoLocks
var ParseIOUring = fdinfo.ParseIOUring
var ParseInFlight = fdinfo.ParseInFlight
var ParseInotify = fdinfo.ParseInotify
var ParseNamespaceLink = namespace.ParseLink
var ParsePidFD = fdinfo.ParsePidFD
var ParseSignalFD = fdinfo.ParseSignalFD
var ParseTTYIndex = fdinfo.ParseTTYIndex
var ParseTimerFD = fdinfo.ParseTimerFD
var ReadFile = vfs.ReadFile
var ReadSocketTimes = sock.ReadSocketTimes
var SegmentDevices = sysv.SegmentDevices
var SignalName = sys.SignalName
var StatFile = vfs.StatFile
var TerminalColumns = sys.TerminalColumns
