package software

import (
	"strings"
	"sync"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

const (
	NeedSignatures schema.Need = 1 << 25 // comparison of the object with the signatures of software
	// stat of the files in signatures and of PostgreSQL's data directories, and a read of one file in each directory
	NeedClusters schema.Need = 1 << 27
)

// appNote holds the software of an object.
var appNote = schema.NewNote[Match]()

// Of is the software that an object looks like. It is nil if nobody asked, and the zero Match for unknown software.
func Of(o *schema.Object) *Match { return appNote.Of(o) }

// ClusterNeeds are the needs to recognise PostgreSQL's System V objects by its data directories.
const ClusterNeeds = proc.NeedMounts | proc.NeedProcs | NeedClusters

// Aspect tells the software of each object.
func Aspect() kinds.Aspect {
	return kinds.Aspect{
		Name: "software",
		Of: map[schema.Kind]schema.Need{
			schema.Msg: 0, schema.Sem: ClusterNeeds, schema.Shm: ClusterNeeds, schema.PMsg: 0, schema.PSem: 0,
			schema.PShm:  0,
			schema.Memfd: 0, schema.Fifo: kinds.PipeNeeds, schema.Unix: kinds.SocketNeeds,
		},
		Columns: appColumns,
		Behind:  map[schema.Kind]string{schema.Unix: "inflight"},
		Default: map[schema.Kind][]string{schema.Sem: {"app"}, schema.Shm: {"app"}, schema.PSem: {"app"},
			schema.PShm: {"app"}},
		Costs: []schema.Cost{{Need: NeedSignatures, Name: "signatures"},
			{Need: NeedClusters, Name: "data directories"}},
		Fill: fillApps,
	}
}

// appColumns are the columns about the software. needs are the needs besides the rows themselves.
func appColumns(_ schema.Kind, needs schema.Need) []schema.Column {
	col := func(id string, width int, help string, get func(*Match) string) schema.Column {
		return schema.Column{ID: id, Type: schema.TypeString, Width: width, Needs: NeedSignatures | needs, Help: help,
			Get: func(o *schema.Object) schema.Value {
				switch m := Of(o); {
				case m == nil:
					return schema.Uncollected(schema.TypeString)
				case m.ID == "":
					return schema.None(schema.TypeString)
				default:
					return schema.String(get(m))
				}
			}}
	}
	return []schema.Column{
		col("app", 12, "software that it looks like an object of; blank: like none that is known",
			func(m *Match) string { return m.Name }),
		col("signature", 12, "short name of that software, as files of signatures have it",
			func(m *Match) string { return m.ID }),
		col("confidence", 10, "how sure that is: certain (nothing else is known to look like that), likely (few "+
			"others do), possible (others do as well)",
			func(m *Match) string { return m.Confidence }),
		col("app_why", 30, "what that software was told by", func(m *Match) string { return m.Why }),
	}
}

// fillApps sets the software of the objects that somebody asked for.
func fillApps(t *proc.Tick, kind schema.Kind, _ schema.Need, objects []*schema.Object) {
	if t.Wants(kind, NeedSignatures) {
		schema.RoomForNotes(objects)
	}
	none := new(Match) // shared by all objects of unknown software
	for _, o := range objects {
		if !t.WantsFor(o.Ref, NeedSignatures) {
			continue
		}
		found := none
		if m := matchOf(t, SubjectOf(t, o)); m.ID != "" {
			found = new(m)
		}
		appNote.Set(o, found)
	}
}

// signatureSource reads the signatures in force, at the first call.
type signatureSource func() (*Signatures, error)

// Known returns the signatures in force.
func Known(t *proc.Tick) (*Signatures, error) { return (*signaturesOf(t.Kept))() }

func signaturesOf(k *proc.Kept) *signatureSource {
	return proc.Keep(k, func() signatureSource { return sync.OnceValues(Builtin) })
}

// Use makes these signatures the ones in force, in all ticks with the same Kept.
func Use(k *proc.Kept, s *Signatures) {
	*signaturesOf(k) = func() (*Signatures, error) { return s, nil }
}

// matchOf finds the software that an object looks like. It compares with data directories of PostgreSQL only if
// NeedClusters is wanted.
func matchOf(t *proc.Tick, s Subject) Match {
	known, err := Known(t)
	if err != nil {
		t.Fault("signatures", err)
		return Match{}
	}
	m, user := known.match(&s, func(pattern string) PatternFiles { return FilesOfPattern(t, pattern) })
	if user {
		return m
	}
	if verified, ok := clusterMatch(t, &s, known); ok && (verified.Confidence == Certain || m.Confidence != Certain) {
		verified.Protect = m.Protect
		return verified
	}
	return m
}

// SubjectOf returns the facts about an object that signatures compare.
func SubjectOf(t *proc.Tick, o *schema.Object) Subject {
	switch r := o.Row.(type) {
	case *kinds.MsgRow:
		return sysvSubject(o.Ref, &r.Owners)
	case *kinds.SemRow:
		s := sysvSubject(o.Ref, &r.Owners)
		s.NSems = r.NSems
		return s
	case *kinds.ShmRow:
		s := sysvSubject(o.Ref, &r.Owners)
		s.Size, s.NAttch, s.CPid = r.Size, r.NAttch, int(r.CPid)
		return s
	case *kinds.PMsgRow:
		return posixSubject(o.Ref, &r.PosixRow)
	case *kinds.PSemRow:
		return posixSubject(o.Ref, &r.PosixRow)
	case *kinds.PShmRow:
		return posixSubject(o.Ref, &r.PosixRow)
	case *kinds.MemfdRow:
		return posixSubject(o.Ref, &r.PosixRow)
	case *kinds.PipeRow:
		if r.File != nil {
			return fileSubject(t, o.Ref.Kind, r.File)
		}
		return Subject{Kind: o.Ref.Kind, Name: strings.TrimSuffix(r.Path, proc.DeletedSuffix), Unread: true}
	case *kinds.UnixRow:
		if r.File != nil {
			return fileSubject(t, o.Ref.Kind, r.File)
		}
		s := Subject{Kind: schema.Unix, Name: kinds.UnixName(r.UnixSocket).Str(), Unread: !r.HasUID}
		if r.HasUID {
			s.UID, s.CUID, s.User = r.UID, r.UID, t.Users.User(r.UID)
		}
		return s
	}
	return Subject{Kind: o.Ref.Kind, Unread: true}
}

func sysvSubject(ref schema.Ref, o *kinds.IPCOwners) Subject {
	return Subject{Kind: ref.Kind, Space: ref.Space, ID: uint64(o.ID), Key: o.Key, UID: o.UID, GID: o.GID, CUID: o.CUID,
		User:  o.User,
		Perms: o.Perms(), Dest: o.Dest()}
}

func posixSubject(ref schema.Ref, r *kinds.PosixRow) Subject {
	s := Subject{Kind: ref.Kind, Space: ref.Space, Name: strings.TrimPrefix(r.FullName, "/")}
	if r.Unknown != schema.Known {
		s.Unread = true
		return s
	}
	s.UID, s.GID, s.CUID, s.User = r.UID, r.GID, r.UID, r.User
	s.Perms, s.Size = uint32(r.Mode.Perm()), r.Size
	return s
}

// fileSubject returns the facts about a FIFO or socket that exists as a file only.
func fileSubject(t *proc.Tick, kind schema.Kind, file *vfs.PosixFile) Subject {
	return Subject{Kind: kind, Name: file.Name, UID: file.UID, GID: file.GID, CUID: file.UID,
		User:  t.Users.User(file.UID),
		Perms: uint32(file.Mode.Perm()), Size: file.Size}
}
