package software

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/ipctop/ipctop/collect/schema"
)

// signatureFields are the fields of a signature, in the order of the help at the top of signatures.yaml.
func signatureFields() []string {
	return []string{"id", "app", "kinds", "confidence", "why", "protect", "key", "key_range", "key_mask",
		"key_top_byte", "ftok_of", "name", "name_regexp",
		"owner", "perms", "size", "nsems", "nattch", "dest"}
}

// signatureKinds are the kinds that a signature may have.
func signatureKinds() []schema.Kind {
	return []schema.Kind{schema.Msg, schema.Sem, schema.Shm, schema.PMsg, schema.PSem, schema.PShm, schema.Memfd,
		schema.Fifo, schema.Unix}
}

// idForm is the pattern of an id: it must be easy to type in --where.
const idForm = `^[a-z0-9][a-z0-9_.+-]*$`

func (r *signatureReader) signature(node ast.Node, order int) *signature {
	g := &signature{order: order}
	r.eachField(node, func(field string, at *token.Token, value ast.Node) {
		switch field {
		case "id":
			g.id = r.text(field, value)
		case "app":
			g.app = r.text(field, value)
		case "confidence":
			g.confidence = r.text(field, value)
			if !slices.Contains(confidences(), g.confidence) {
				r.fail(value.GetToken(), "confidence: say %s, %s or %s", Certain, Likely, Possible)
			}
		case "why":
			g.why = strings.TrimSpace(r.text(field, value))
		case "protect":
			g.protect = r.bool(field, value)
		case "kinds":
			r.kinds(g, value)
		default:
			g.conditions++
			r.condition(g, field, at, value)
		}
	})
	r.checkComplete(g, node)
	return g
}

func (r *signatureReader) kinds(g *signature, value ast.Node) {
	for _, word := range r.texts("kinds", value) {
		k := schema.Kind(word)
		if !slices.Contains(signatureKinds(), k) {
			r.fail(value.GetToken(), "kinds: %q has no signatures: say some of %s", word, fmt.Sprint(signatureKinds()))
		}
		if !slices.Contains(g.kinds, k) {
			g.kinds = append(g.kinds, k)
		}
	}
}

func (r *signatureReader) condition(g *signature, field string, at *token.Token, value ast.Node) {
	switch field {
	case "key":
		for _, n := range r.list(field, value) {
			g.keys = append(g.keys, r.key(field, n))
		}
	case "key_range":
		s := r.span(field, value)
		if s.to > math.MaxUint32 {
			r.fail(value.GetToken(), "key_range: a System V key has 32 bits: say FROM..TO")
		}
		g.hasRange, g.keyFrom, g.keyTo = true, uint32(s.from), uint32(s.to)
	case "key_mask":
		r.keyMask(g, value)
	case "key_top_byte":
		for _, n := range r.list(field, value) {
			g.topBytes = append(g.topBytes, r.topByte(n))
		}
	case "ftok_of":
		for _, n := range r.list(field, value) {
			g.ftokOf = append(g.ftokOf, r.filePattern(n))
		}
	case "name":
		g.glob = r.text(field, value)
		if _, err := path.Match(g.glob, ""); err != nil || g.glob == "" {
			r.fail(value.GetToken(), "name: %q is no pattern: say a name with *, ? or [a-z] in it", g.glob)
		}
		g.literalSize += len(g.glob) - strings.Count(g.glob, "*")
	case "name_regexp":
		r.pattern(g, value)
	case "owner":
		g.owners = r.texts(field, value)
	case "perms":
		for _, word := range r.texts(field, value) {
			n, err := strconv.ParseUint(strings.TrimPrefix(word, "0o"), 8, 32)
			if err != nil || n > 0o777 {
				r.fail(value.GetToken(), "perms: %q are no permissions: say 0600 or the like", word)
			}
			g.perms = append(g.perms, permsText(uint32(n)))
		}
	case "size":
		g.size = r.span(field, value)
	case "nsems":
		g.nsems = r.span(field, value)
	case "nattch":
		g.nattch = r.span(field, value)
	case "dest":
		b := r.bool(field, value)
		g.dest = &b
	default:
		r.unknown(at, field, signatureFields())
	}
}

// keyMask reads "MASK = BITS".
func (r *signatureReader) keyMask(g *signature, value ast.Node) {
	text := r.text("key_mask", value)
	mask, bits, ok := strings.Cut(text, "=")
	if !ok {
		r.fail(value.GetToken(), "key_mask: %q: say MASK = BITS, for example 0xff00 = 0x4800", text)
	}
	g.keyMask = uint32(r.number("key_mask", value, strings.TrimSpace(mask), math.MaxUint32))
	g.keyBits = uint32(r.number("key_mask", value, strings.TrimSpace(bits), math.MaxUint32))
	if g.keyMask == 0 || g.keyBits&^g.keyMask != 0 {
		r.fail(value.GetToken(), "key_mask: %q: the bits have to lie within the mask", text)
	}
}

// topByte reads a number or a character. Callers of ftok(3) write their project ids as characters.
func (r *signatureReader) topByte(node ast.Node) byte {
	text := r.text("key_top_byte", node)
	if len(text) == 1 && (text[0] < '0' || text[0] > '9') {
		return text[0]
	}
	return byte(r.number("key_top_byte", node, text, math.MaxUint8))
}

// filePattern reads an absolute path whose last part may be a pattern.
func (r *signatureReader) filePattern(node ast.Node) string {
	text := r.text("ftok_of", node)
	dir, last := path.Split(text)
	if _, err := path.Match(last, ""); err != nil || !path.IsAbs(text) || last == "" ||
		strings.ContainsAny(dir, `*?[\`) {
		r.fail(node.GetToken(), "ftok_of: %q: say an absolute path, with *, ? or [a-z] in its last part only", text)
	}
	return text
}

func (r *signatureReader) pattern(g *signature, value ast.Node) {
	text := r.text("name_regexp", value)
	free, err := regexp.Compile(text)
	if err != nil || text == "" {
		r.fail(value.GetToken(), "name_regexp: %q is no regular expression (https://pkg.go.dev/regexp/syntax): %v",
			text, err)
	}
	g.literal, _ = free.LiteralPrefix()
	g.literalSize += len(g.literal)
	if g.pattern, err = regexp.Compile(`^(?:` + text + `)$`); err != nil {
		r.fail(value.GetToken(), "name_regexp: %q: %v", text, err)
	}
	g.pidAt = max(0, g.pattern.SubexpIndex("pid"))
}

// checkComplete checks that a signature has all necessary fields.
func (r *signatureReader) checkComplete(g *signature, node ast.Node) {
	at := node.GetToken()
	if m, ok := node.(ast.MapNode); ok {
		if it := m.MapRange(); it.Next() {
			at = it.Key().GetToken() // the token of a mapping is its first colon
		}
	}
	if !regexp.MustCompile(idForm).MatchString(g.id) {
		r.fail(at, "id: %q: say a short name in small letters, digits, dots and dashes", g.id)
	}
	for _, need := range []struct {
		has  bool
		says string
	}{
		{g.app != "", "app is missing: say the software's name"},
		{len(g.kinds) > 0, "kinds is missing: say which kinds of objects it is of, for example [shm, sem]"},
		{g.conditions > 0, "it says nothing to tell its objects by: add a name, key, owner or the like"},
	} {
		if !need.has {
			r.fail(at, "%s: %s", g.id, need.says)
		}
	}
	r.checkKinds(g, at)
	if g.confidence == "" {
		g.confidence = Likely
	}
	if g.why == "" {
		g.why = fmt.Sprintf("it is as line %d of %s says", line(at), r.file)
	}
}

// checkKinds refuses conditions that no object of these kinds can meet.
func (r *signatureReader) checkKinds(g *signature, at *token.Token) {
	has := func(kinds ...schema.Kind) bool {
		return !slices.ContainsFunc(g.kinds, func(k schema.Kind) bool { return !slices.Contains(kinds, k) })
	}
	onKey := len(g.keys) > 0 || g.hasRange || g.keyMask != 0 || len(g.topBytes) > 0 || len(g.ftokOf) > 0
	for _, c := range []struct {
		bad  bool
		what string
	}{
		{onKey && !has(schema.Msg, schema.Sem, schema.Shm), "only msg, sem and shm have keys"},
		{(g.glob != "" || g.pattern != nil) && g.kinds != nil && slices.ContainsFunc(g.kinds, schema.Kind.SysV),
			"msg, sem and shm have no names"},
		{g.nsems.set && !has(schema.Sem), "only sem has nsems"},
		{(g.nattch.set || g.dest != nil) && !has(schema.Shm), "only shm has nattch and dest"},
		{g.size.set && !has(schema.Shm, schema.PShm, schema.Memfd), "only shm, pshm and memfd have a size"},
		{len(g.perms) > 0 && slices.Contains(g.kinds, schema.Unix), "unix has no perms"},
	} {
		if c.bad {
			r.fail(at, "%s: %s: take the others out of kinds, or the condition away", g.id, c.what)
		}
	}
}
