package demo_test

import (
	"os"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/demo"
)

func TestMain(m *testing.M) {
	if code, ok := demo.Worker(os.Args); ok {
		os.Exit(code)
	}
	kerneltest.Main(m, kerneltest.Workers{"main": runDemo})
}
