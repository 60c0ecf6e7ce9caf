package sock

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) { kerneltest.Main(m, nil) }
