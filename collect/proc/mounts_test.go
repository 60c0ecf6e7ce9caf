package proc

import "testing"

func TestMountsThatMayHang(t *testing.T) {
	// The innermost mount counts. On the same path, the later mount counts.
	mounts := sortMounts([]Mount{{"/", false}, {"/srv", true}, {"/srv/local", false}, {"/home", true}, {"/home", false},
		{"/a b", true}})
	for path, want := range map[string]bool{
		"/": false, "/etc/passwd": false, "/srv": true, "/srv/x": true, "/srv2/x": false, "/srv/local": false,
		"/srv/local/x": false, "/srv/localx": true,
		"/home/me": false, "/a b/fifo": true, "": false, "pipe:[1]": false,
	} {
		if got := MayHangBelow(mounts, path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if !MayHangBelow(sortMounts([]Mount{{"/", true}}), "/anything") {
		t.Error("a root on a network is passed")
	}
}
