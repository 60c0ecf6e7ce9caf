// Package utillinux answers the command lines of util-linux's ipcs, ipcrm, ipcmk and lsipc, so that ipctop can stand
// in their place under their names.
//
//	Run ─► face ─► getopt ─► kernel.Host (what is there) ─► text, byte for byte what util-linux prints
//	                     └─► actions.Direct (ipcrm, ipcmk)
//
// The reference is util-linux 2.38.1 with the POSIX options of 2.41 and later. Every difference is on purpose and
// named in the README: a command line that would do harm is refused before it does anything, and version and help
// name ipctop.
//
// Messages are in English whatever the locale: util-linux's own translations are not carried over.
package utillinux
