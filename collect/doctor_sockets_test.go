package collect

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A listener has a finding from the first connection beyond its backlog on.
func TestDoctorOnFullListeners(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		me := fmt.Sprintf("%d/%s", os.Getpid(), s.end(os.Getpid()).Comm)
		for _, c := range []struct {
			kind, at, fails string
			family          int
			addr            unix.Sockaddr
		}{
			{"inet", "127.0.0.1:7001", "connections to it are not answered, and connect waits or fails with ETIMEDOUT",
				unix.AF_INET, &unix.SockaddrInet4{Port: 7001, Addr: [4]byte{127, 0, 0, 1}}},
			{"unix", "@full", "connect to it waits, or fails with EAGAIN", unix.AF_UNIX,
				&unix.SockaddrUnix{Name: "@full"}},
		} {
			fd := kerneltest.Listener(t, c.family, c.addr, 1)
			ref := fmt.Sprintf("%s:%d", c.kind, kerneltest.Inode(t, fd))
			kerneltest.Connect(t, c.family, unix.SOCK_STREAM, fd)
			s.equal("with room", 0, len(findingsOn(s.examine(), "listener", ref)))
			kerneltest.Connect(t, c.family, unix.SOCK_STREAM, fd)
			found := findingsOn(s.examine(), "listener", ref)
			if len(found) != 1 {
				t.Fatalf("%s: %+v", ref, found)
			}
			s.equal("the finding", schema.Finding{Kind: "listener", Severity: schema.Warning, Proof: schema.Observed,
				Refs: found[0].Refs, Advice: found[0].Advice, Says: ref + " (" + c.at + ") is full: " + c.fails,
				Evidence: []string{"2 connections wait for accept, its backlog is 1", "it is open in " + me}}, found[0])
			kerneltest.Accept(t, fd)
			s.equal("with room again", 0, len(findingsOn(s.examine(), "listener", ref)))
		}
	}, unix.CLONE_NEWNET)
}

// Connections in CLOSE-WAIT are counted by process, with their other ends.
func TestDoctorOnCloseWait(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		me := fmt.Sprintf("%d/%s", os.Getpid(), s.end(os.Getpid()).Comm)
		fd := kerneltest.Listener(t, unix.AF_INET, &unix.SockaddrInet4{Port: 7002, Addr: [4]byte{127, 0, 0, 1}}, 16)
		var client, server [10]int
		for i := range client {
			client[i] = kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, fd)
			server[i] = kerneltest.Accept(t, fd)
		}
		_, err := unix.Write(server[0], []byte("hello"))
		s.check(err)
		for _, fd := range server[1:] {
			s.check(unix.Shutdown(fd, unix.SHUT_WR))
		}
		s.equal("nine", 0, len(findingsOn(s.examine(), "close-wait", "")))
		s.check(unix.Shutdown(server[0], unix.SHUT_WR))
		found := findingsOn(s.examine(), "close-wait", fmt.Sprintf("inet:%d", kerneltest.Inode(t, client[0])))
		if len(found) != 1 {
			t.Fatalf("%+v", found)
		}
		s.equal("the finding", schema.Finding{Kind: "close-wait", Severity: schema.Info, Proof: schema.Observed,
			Refs: found[0].Refs, Advice: found[0].Advice,
			Says: me + " has 10 TCP connections in CLOSE-WAIT: the other end has closed them, and this end has not",
			Evidence: []string{"the other ends: 127.0.0.1:7002 10",
				"1 of them has unread data: nobody reads it now"}}, found[0])
		s.equal("its first object", fmt.Sprintf("proc:%d", os.Getpid()), found[0].Refs[0].String())
	}, unix.CLONE_NEWNET)
}
