package collect

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// verdictsBy are the verdicts with the signatures of a user. The request asks for nothing else.
func (s *sysvScene) verdictsBy(signatures string, kind schema.Kind) map[string]relate.Judgement {
	s.Helper()
	own, err := software.Read("own.yaml", signatures)
	s.check(err)
	return verdictsOf(New(s.host, func() time.Time { return s.now }, WithSignatures(own)), kind, NoGrace)
}

// A rule recognises objects by the files of their keys, and protects them. It does so in every output, even without the
// column of the software.
func TestQueueThatARuleProtectsByTheFileOfItsKey(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := t.TempDir()
		s.check(os.WriteFile(dir+"/a.conf", nil, 0o600))
		s.check(os.Symlink("loop", dir+"/loop"))
		file, err := vfs.StatFile(dir + "/a.conf")
		s.check(err)
		ref := fmt.Sprintf("msg:%d", s.id(s.admin.MsgGet(sysv.Ftok(file.Dev, file.Ino, 'q'), createIPC|0o600)))
		const unwaited = "nobody waits on it: the system calls of every thread were read"
		rule := func(path string) string {
			return "signatures:\n- {id: ours, app: Ours, kinds: msg, protect: true, ftok_of: '" + path +
				"', why: its key is that of a file of ours}"
		}
		for path, want := range map[string]relate.Judgement{
			dir + "/*.conf": {Verdict: relate.Protected,
				Reasons: []string{"it looks like Ours's, which is meant to be there unused: its key is that of " +
					"a file of ours",
					unwaited}},
			dir + "/a.conf": {Verdict: relate.Protected,
				Reasons: []string{"it looks like Ours's, which is meant to be there unused: its key is that of " +
					"a file of ours",
					unwaited}},
			dir + "/loop/*": {Verdict: relate.Unknown, Reasons: []string{unwaited,
				"a signature protects what has a key of " + dir + "/loop/*, not all of which could be looked at"}},
		} {
			s.wantJudgement(path, s.verdictsBy(rule(path), schema.Msg)[ref], want.Verdict, want.Reasons...)
		}
		for _, path := range []string{dir + "/b*", dir + "/b", dir + "/none/*"} {
			if got := s.verdictsBy(rule(path), schema.Msg)[ref]; got.Verdict != relate.Orphan {
				t.Errorf("a rule for %s: %+v", path, got)
			}
		}
	})
}

// A reader may not look into a younger process of the owner. So he cannot know whether that process computes the key
// itself.
func TestSegmentWhoseKeyAYoungerProcessMayMake(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs segments of root and an ordinary user")
		}
		s := newSysVScene(t)
		keyed, private := kerneltest.Start(t, "make-segment", "4660"), kerneltest.Start(t, "create-segment")
		keyed.Finish()
		private.Finish()
		made := time.Now()
		kerneltest.Eventually(t, "a process may be seen to be younger",
			func() bool { return time.Since(made) > proc.StartDoubt+100*time.Millisecond })
		service := kerneltest.Start(t, "wait")
		got := s.verdictsAsUser(1234, schema.Shm)
		s.wantJudgement("with a key", got["shm:"+keyed.Words[0]], relate.Unknown, unattached, died("creator", keyed),
			fmt.Sprintf("which files these know, one of which may give its key by ftok, could not be read: %d/%s",
				service.PID, s.end(service.PID).Comm))
		if got := got["shm:"+private.Words[0]]; got.Verdict != relate.Orphan {
			t.Errorf("private: %+v", got)
		}
	})
}
