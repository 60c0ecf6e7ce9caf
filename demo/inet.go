package demo

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// States of a TCP socket in TCP_INFO (include/net/tcp_states.h).
const (
	tcpEstablishedState = 1
	tcpFinWait2State    = 5
	tcpCloseWaitState   = 8
)

// inetBound opens an IPv4 socket on a free port of the loopback address.
func inetBound(kind int) (int, netip.AddrPort, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, netip.AddrPort{}, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, netip.AddrPort{}, fmt.Errorf("bind to 127.0.0.1: %w", err)
	}
	at, err := localAddr(fd)
	return fd, at, err
}

func localAddr(fd int) (netip.AddrPort, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("getsockname: %w", err)
	}
	in, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("getsockname: %T is no IPv4 address", name)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port)), nil
}

// inetConnect opens an IPv4 socket connected to that address.
func inetConnect(kind int, address string) (int, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return -1, fmt.Errorf("connect to %s: %w", address, err)
	}
	return fd, nil
}

// tcpConnect opens a TCP socket that is connected to that address. Its close sends an RST.
func tcpConnect(address string) (int, error) {
	fd, err := inetConnect(unix.SOCK_STREAM, address)
	if err != nil {
		return -1, err
	}
	return fd, resetOnClose(fd)
}

// resetOnClose makes close send an RST. So no TIME-WAIT socket outlives the demo (SO_LINGER, man 7 socket).
func resetOnClose(fd int) error {
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return fmt.Errorf("set SO_LINGER: %w", err)
	}
	return nil
}

// awaitTCPState waits until the connection has this state.
func awaitTCPState(fd int, state uint8) error {
	return await(context.Background(), fmt.Sprintf("TCP state %d", state), func() (bool, error) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return false, fmt.Errorf("TCP_INFO: %w", err)
		}
		return info.State == state, nil
	})
}

// inet reports an internet socket with its local address.
func (r *role) inet(fd int, lookFor string) error {
	at, err := localAddr(fd)
	if err != nil {
		return err
	}
	return r.socket(schema.Inet, fd, at.String(), lookFor)
}

// tcpServe listens, accepts one connection and calls then with it. It reports the listener. It calls ready twice:
// before accept and after then.
func (r *role) tcpServe(then func(conn int) error) error {
	listener, _, err := inetBound(unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	if err := unix.Listen(listener, 8); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := r.inet(listener, "LISTEN"); err != nil {
		return err
	}
	r.ready()
	conn, err := accept(listener)
	if err != nil {
		return err
	}
	if err := resetOnClose(conn); err != nil {
		return err
	}
	if err := then(conn); err != nil {
		return err
	}
	r.ready()
	return r.park()
}

// serverAndClient starts a server, and a client with the server's address. It waits until both have called ready twice.
func (s *stage) serverAndClient() error {
	server, err := s.start("server", nil)
	if err != nil {
		return err
	}
	client, err := s.start("client", []string{server.objects[0].Path})
	if err != nil {
		return err
	}
	return s.ready(server, client)
}
