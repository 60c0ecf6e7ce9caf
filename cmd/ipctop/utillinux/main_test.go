package utillinux

import (
	"strconv"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{"attach": workAttach})
}

// workAttach maps the segments whose ids it is given and waits.
func workAttach(j *kerneltest.Job) {
	for _, arg := range j.Args {
		id, err := strconv.Atoi(arg)
		j.Check(err)
		_, err = kernel.NewAdmin().ShmAttach(id, false)
		j.Check(err)
	}
	j.Ready()
	j.Wait()
}
