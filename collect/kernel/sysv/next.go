package sysv

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A kernel with CONFIG_CHECKPOINT_RESTORE lets the next object of a kind have a wanted id: kernel.msg_next_id,
// sem_next_id, shm_next_id (Documentation/admin-guide/sysctl/kernel.rst). The next creation takes the wish, whoever
// creates: ipc_idr_alloc in ipc/util.c. If the id's index is taken, the object gets a higher index. So the maker has to
// compare the id. kind is "msg", "sem" or "shm".

func nextIDPath(kind string) string { return "/proc/sys/kernel/" + kind + "_next_id" }

// NextID is the id that the next object of a kind is to have; -1: nobody has a wish. fs.ErrNotExist: the kernel takes
// no wishes.
func NextID(kind string) (int, error) {
	text, err := os.ReadFile(nextIDPath(kind))
	if err != nil {
		return 0, err
	}
	id, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", nextIDPath(kind), err)
	}
	return id, nil
}

// SetNextID wishes the id of the next object. It needs CAP_CHECKPOINT_RESTORE (before Linux 5.19: root): else
// fs.ErrPermission. A wish cannot be taken back, only used up.
func SetNextID(kind string, id int) error {
	f, err := os.OpenFile(nextIDPath(kind), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strconv.Itoa(id))
	return err
}
