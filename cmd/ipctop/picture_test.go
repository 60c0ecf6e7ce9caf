package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/demo"
	"github.com/ipctop/ipctop/views/tui"
)

// This command makes the picture of the README:
//
//	IPCTOP_PICTURE=$PWD/views/tui/dashboard.svg go test ./cmd/ipctop -run TestPictureOfTheDemo
func TestPictureOfTheDemo(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		t.Setenv("XDG_STATE_HOME", t.TempDir())
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		running, err := demo.Start(t.Context(), demo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := running.Stop(); err != nil {
				t.Error(err)
			}
		}()
		sampler := collect.NewSampler(collect.New(host, time.Now), 2*time.Second)
		journal := actions.NewJournal(host, []string{"ipctop"}, os.Getenv, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		picture, err := tui.Picture(ctx, tui.Options{
			Source: sampler, Sample: sampler.Run, Interval: 2 * time.Second,
			Planner: actions.NewPlanner(actions.Options{Host: host, Now: time.Now, Journal: journal}),
		}, tui.Pose{Width: 122, Height: 20, Keys: []string{"3", "Down"}, Until: "deadlock", Patience: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if path := os.Getenv("IPCTOP_PICTURE"); path != "" {
			if err := os.WriteFile(path, []byte(picture), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		checkPicture(t, picture)
	})
}

func checkPicture(t *testing.T, picture string) {
	t.Helper()
	for _, text := range []string{"[3 Memory]", "NATTCH", "HOLDERS", "VERDICT", "/demo-", "deadlock", "dead", "dest",
		"locked", "F8"} {
		if !strings.Contains(picture, text) {
			t.Errorf("the picture lacks %q", text)
		}
	}
	if len(picture) > 40<<10 {
		t.Errorf("the picture has %d bytes", len(picture))
	}
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
}
