package collect

import (
	"strings"
	"sync"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// appNote is where the software of an object stands.
var appNote = schema.NewNote[AppMatch]()

// AppOf is the software that an object looks like one of; nil where nobody asked, the zero AppMatch for none.
func AppOf(o *schema.Object) *AppMatch { return appNote.Of(o) }

// clusterNeeds are what it takes to tell PostgreSQL's System V objects by its data directories.
const clusterNeeds = schema.NeedMounts | schema.NeedProcs | schema.NeedClusters

// softwareAspect tells whose software's objects they are.
func softwareAspect() Aspect {
	return Aspect{
		Name: "software",
		Of: map[schema.Kind]schema.Need{
			schema.Msg: 0, schema.Sem: clusterNeeds, schema.Shm: clusterNeeds, schema.PMsg: 0, schema.PSem: 0, schema.PShm: 0,
			schema.Memfd: 0, schema.Fifo: pipeNeeds, schema.Unix: socketNeeds,
		},
		Columns: appColumns,
		Behind:  map[schema.Kind]string{schema.Unix: "inflight"},
		Costs:   []schema.Cost{{Need: schema.NeedSignatures, Name: "signatures"}, {Need: schema.NeedClusters, Name: "data directories"}},
		Fill:    fillApps,
	}
}

// appColumns say whose software's objects they are. needs is what that takes besides the rows themselves.
func appColumns(_ schema.Kind, needs schema.Need) []schema.Column {
	col := func(id string, width int, help string, get func(*AppMatch) string) schema.Column {
		return schema.Column{ID: id, Type: schema.TypeString, Width: width, Needs: schema.NeedSignatures | needs, Help: help,
			Get: func(o *schema.Object) schema.Value {
				switch m := AppOf(o); {
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
		col("app", 12, "software that it looks like an object of; blank: like none that is known", func(m *AppMatch) string { return m.Name }),
		col("signature", 12, "short name of that software, as files of signatures have it", func(m *AppMatch) string { return m.ID }),
		col("confidence", 10, "how sure that is: certain (nothing else is known to look like that), likely (few others do), possible (others do as well)",
			func(m *AppMatch) string { return m.Confidence }),
		col("app_why", 30, "what that software was told by", func(m *AppMatch) string { return m.Why }),
	}
}

// fillApps tells the software of the objects that somebody asked for.
func fillApps(f *Facts, _ schema.Kind, _ schema.Need, objects []*schema.Object) {
	none := new(AppMatch) // what objects of no known software have in common
	for _, o := range objects {
		if !f.WantsFor(o.Ref, schema.NeedSignatures) {
			continue
		}
		if m := f.app(f.subjectOf(o)); m.ID != "" {
			appNote.Set(o, &m)
		} else {
			appNote.Set(o, none)
		}
	}
}

// signatureSource gives the signatures in force, which are read when somebody first asks.
type signatureSource func() (*Signatures, error)

// signatures are those in force.
func (f *Facts) signatures() (*Signatures, error) { return (*signaturesOf(f.Kept))() }

func signaturesOf(k *Kept) *signatureSource {
	return Keep(k, func() signatureSource { return sync.OnceValues(BuiltinSignatures) })
}

// UseSignatures has all ticks that share what is kept tell software by these signatures.
func UseSignatures(k *Kept, s *Signatures) {
	*signaturesOf(k) = func() (*Signatures, error) { return s, nil }
}

// app tells what software an object looks like one of. Data directories of PostgreSQL are looked at if NeedClusters was asked for.
func (f *Facts) app(s Subject) AppMatch {
	known, err := f.signatures()
	if err != nil {
		f.Fault("signatures", err)
		return AppMatch{}
	}
	m, user := known.match(&s, f.filesOfPattern)
	if user {
		return m
	}
	if verified, ok := f.clusterMatch(&s, known); ok && (verified.Confidence == Certain || m.Confidence != Certain) {
		verified.Protect = m.Protect
		return verified
	}
	return m
}

// subjectOf is what a signature looks at.
func (f *Facts) subjectOf(o *schema.Object) Subject {
	switch r := o.Row.(type) {
	case *msgRow:
		return sysvSubject(o.Ref, &r.owners)
	case *semRow:
		s := sysvSubject(o.Ref, &r.owners)
		s.NSems = r.NSems
		return s
	case *shmRow:
		s := sysvSubject(o.Ref, &r.owners)
		s.Size, s.NAttch, s.CPid = r.Size, r.NAttch, int(r.CPid)
		return s
	case *pmsgRow:
		return posixSubject(o.Ref, &r.posixRow)
	case *psemRow:
		return posixSubject(o.Ref, &r.posixRow)
	case *pshmRow:
		return posixSubject(o.Ref, &r.posixRow)
	case *memfdRow:
		return posixSubject(o.Ref, &r.posixRow)
	case *pipeRow:
		if r.file != nil {
			return f.fileSubject(o.Ref.Kind, r.file)
		}
		return Subject{Kind: o.Ref.Kind, Name: strings.TrimSuffix(r.path, deletedSuffix), Unread: true}
	case *unixRow:
		if r.file != nil {
			return f.fileSubject(o.Ref.Kind, r.file)
		}
		s := Subject{Kind: schema.Unix, Name: unixName(&r.UnixSocket).Str(), Unread: !r.HasUID}
		if r.HasUID {
			s.UID, s.CUID, s.User = r.UID, r.UID, f.Users.User(r.UID)
		}
		return s
	}
	return Subject{Kind: o.Ref.Kind, Unread: true}
}

func sysvSubject(ref schema.Ref, o *ipcOwners) Subject {
	return Subject{Kind: ref.Kind, Space: ref.Space, ID: uint64(o.ID), Key: o.Key, UID: o.UID, GID: o.GID, CUID: o.CUID, User: o.user,
		Perms: o.Perms(), Dest: o.Dest()}
}

func posixSubject(ref schema.Ref, r *posixRow) Subject {
	s := Subject{Kind: ref.Kind, Space: ref.Space, Name: strings.TrimPrefix(r.name, "/")}
	if r.unknown != schema.Known {
		s.Unread = true
		return s
	}
	s.UID, s.GID, s.CUID, s.User = r.UID, r.GID, r.UID, r.user
	s.Perms, s.Size = uint32(r.Mode.Perm()), r.Size
	return s
}

// fileSubject is that of a FIFO or socket that is there as a file alone.
func (f *Facts) fileSubject(kind schema.Kind, file *kernel.PosixFile) Subject {
	return Subject{Kind: kind, Name: file.Name, UID: file.UID, GID: file.GID, CUID: file.UID, User: f.Users.User(file.UID), Perms: uint32(file.Mode.Perm()), Size: file.Size}
}
