package views

import (
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// Types for cells without a type in the language. Their names stand in error messages. key and perms compare with
// numbers and with their JSON text.
type (
	key   uint32
	perms uint32
)

type process struct {
	PID  int    `expr:"pid"`
	TID  int    `expr:"tid"`
	Comm string `expr:"comm"`
	FD   int    `expr:"fd"`
	Mode string `expr:"mode"`
	Maps int    `expr:"maps"`
}

func whereValue(v schema.Value) any {
	switch v.Type() {
	case schema.TypeString:
		return v.Str()
	case schema.TypeBytes:
		return int(min(v.Uint(), math.MaxInt64))
	case schema.TypeDuration:
		return v.Duration()
	case schema.TypeTime:
		return v.Time()
	case schema.TypePerms:
		return perms(v.Int())
	case schema.TypeKey:
		return key(v.Int())
	case schema.TypeBool:
		return v.Bool()
	case schema.TypeFloat:
		return v.Float()
	case schema.TypeList:
		return v.List()
	case schema.TypeRef:
		return v.Ref().String()
	case schema.TypeEndpoints:
		ends := make([]process, 0, len(v.Endpoints()))
		for _, e := range v.Endpoints() {
			ends = append(ends, process{e.PID, e.TID, e.Comm, e.FD, e.Mode, e.Maps})
		}
		return ends
	}
	return int(v.Int())
}

// sample returns a value of the Go type that whereValue returns for the type.
func sample(t schema.Type) any {
	switch t {
	case schema.TypeString, schema.TypeRef:
		return ""
	case schema.TypeDuration:
		return time.Duration(0)
	case schema.TypeTime:
		return time.Time{}
	case schema.TypePerms:
		return perms(0)
	case schema.TypeKey:
		return key(0)
	case schema.TypeBool:
		return false
	case schema.TypeFloat:
		return 0.0
	case schema.TypeList:
		return []string{}
	case schema.TypeEndpoints:
		return []process{}
	}
	return 0
}

func getterType(t schema.Type) any {
	switch t {
	case schema.TypeString, schema.TypeRef:
		return new(func() string)
	case schema.TypeDuration:
		return new(func() time.Duration)
	case schema.TypeTime:
		return new(func() time.Time)
	case schema.TypePerms:
		return new(func() perms)
	case schema.TypeKey:
		return new(func() key)
	case schema.TypeBool:
		return new(func() bool)
	case schema.TypeFloat:
		return new(func() float64)
	case schema.TypeList:
		return new(func() []string)
	case schema.TypeEndpoints:
		return new(func() []process)
	}
	return new(func() int)
}

// processFields lists the fields of a process in a list: ".pid".
func processFields() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[process]()) {
		names = append(names, f.Tag.Get("expr"))
	}
	return names
}

// plainTypes replaces the Go types in an error of the language by names that a person knows.
func plainTypes(says string) string {
	return strings.NewReplacer("[]views.process", "list of processes", "views.process", "process", "views.key", "key",
		"views.perms", "perms",
		"time.Duration", "duration", "time.Time", "time", "[]string", "list of strings").Replace(says)
}
