package process

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// treeDir is the place of a process or thread in a file tree.
type treeDir struct {
	root sys.Root
	dir  string // "/proc/7", "/proc/7/task/8"
}

// openTree opens the directory of a process or thread in a file tree.
func openTree(root sys.Root, pid int, dir string) (Dir, error) {
	fd, err := root.OpenPath(dir)
	if err != nil {
		return Dir{}, fmt.Errorf("open %s: %w", dir, err)
	}
	return Dir{PID: pid, fd: fd, tree: &treeDir{root, dir}}, nil
}

func (t *treeDir) path(name string) string { return t.dir + "/" + name }

// readTree is Read on a file tree.
func (p Dir) readTree(name string) ([]byte, error) {
	text, err := p.tree.root.ReadFile(p.tree.path(name))
	if err != nil {
		return nil, fmt.Errorf("read /proc/%d/%s: %w", p.PID, name, err)
	}
	return text, nil
}

// openDir opens a directory of the process: "fd", "task".
func (p Dir) openDir(name string) (int, error) {
	if p.tree != nil {
		return p.tree.root.OpenDir(p.tree.path(name))
	}
	return sys.OpenDir(p.fd, name)
}
