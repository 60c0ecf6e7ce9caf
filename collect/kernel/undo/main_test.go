package undo_test

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{
		"undo":                      workUndo,
		"undo-denied":               workUndoDenied,
		"undo-without-first-thread": workUndoWithoutFirstThread,
	})
}
