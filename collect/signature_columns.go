package collect

import (
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// clusterNeeds are what it takes to tell PostgreSQL's System V objects by its data directories.
const clusterNeeds = schema.NeedProcs | schema.NeedClusters

// softwareFacts are what tells whose objects are, in one tick.
type softwareFacts struct {
	signatures func() (*Signatures, error)
	hangs      func(kernel.ProcDir) func(path []byte) bool // whether a stat of a process's path may hang: see mountWatch
	files      dataFiles                                   // the collector's
	clusters   []cluster
	looked     bool                    // for clusters
	patterns   map[string]patternFiles // see filesOfPattern
	none       AppMatch                // what objects of no known software have in common
}

// appColumns say whose software's objects they are. needs is what that takes besides the rows themselves.
func appColumns[T any](needs schema.Need, of func(*T) *AppMatch) []schema.Column {
	col := func(id string, width int, help string, get func(*AppMatch) string) schema.Column {
		return schema.Col(id, schema.TypeString, width, schema.NeedSignatures|needs, help, func(r *T) schema.Value {
			m := of(r)
			switch {
			case m == nil:
				return schema.Uncollected(schema.TypeString)
			case m.ID == "":
				return schema.None(schema.TypeString)
			}
			return schema.String(get(m))
		})
	}
	return []schema.Column{
		col("app", 12, "software that it looks like an object of; blank: like none that is known", func(m *AppMatch) string { return m.Name }),
		col("signature", 12, "short name of that software, as files of signatures have it", func(m *AppMatch) string { return m.ID }),
		col("confidence", 10, "how sure that is: certain (nothing else is known to look like that), likely (few others do), possible (others do as well)",
			func(m *AppMatch) string { return m.Confidence }),
		col("app_why", 30, "what that software was told by", func(m *AppMatch) string { return m.Why }),
	}
}

// app tells what software an object looks like one of. Data directories of PostgreSQL are looked at if NeedClusters was asked for.
func (f *Facts) app(s Subject) AppMatch {
	known, err := f.software.signatures()
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

// appOf is app for the columns: nil if nobody asked for them.
func (f *Facts) appOf(ref schema.Ref, s Subject) *AppMatch {
	if !f.WantsFor(ref, schema.NeedSignatures) {
		return nil
	}
	m := f.app(s)
	if m.ID == "" {
		return &f.software.none
	}
	return &m
}

// subject is what a signature looks at.
func (o *ipcOwners) subject(ref schema.Ref) Subject {
	return Subject{Kind: ref.Kind, Space: ref.Space, ID: uint64(o.ID), Key: o.Key, UID: o.UID, GID: o.GID, CUID: o.CUID, User: o.user,
		Perms: o.Perms(), Dest: o.Dest()}
}

func (r *msgRow) subject(ref schema.Ref) Subject { return r.owners.subject(ref) }

func (r *semRow) subject(ref schema.Ref) Subject {
	s := r.owners.subject(ref)
	s.NSems = r.NSems
	return s
}

func (r *shmRow) subject(ref schema.Ref) Subject {
	s := r.owners.subject(ref)
	s.Size, s.NAttch, s.CPid = r.Size, r.NAttch, int(r.CPid)
	return s
}

func (r *posixRow) subject(ref schema.Ref) Subject {
	s := Subject{Kind: ref.Kind, Space: ref.Space, Name: strings.TrimPrefix(r.name, "/")}
	if r.unknown != schema.Known {
		s.Unread = true
		return s
	}
	s.UID, s.GID, s.CUID, s.User = r.UID, r.GID, r.UID, r.user
	s.Perms, s.Size = uint32(r.Mode.Perm()), r.Size
	return s
}

func (r *unixRow) subject(f *Facts) Subject {
	s := Subject{Kind: schema.Unix, Name: unixName(&r.UnixSocket).Str(), Unread: !r.HasUID}
	if r.HasUID {
		s.UID, s.CUID, s.User = r.UID, r.UID, f.Users.User(r.UID)
	}
	return s
}
