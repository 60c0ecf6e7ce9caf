// Package utillinux answers the command lines of util-linux's ipcs, ipcrm, ipcmk and lsipc. ipctop can replace these
// programs under their names. A face is one of the four programs.
//
//	Run ─► face ─► getopt ─► kernel.Host (the objects) ─► text, byte for byte as util-linux prints it
//	                     └─► Changes: actions.Direct (ipcrm, ipcmk)
//
// The reference is util-linux 2.38.1, with the POSIX options of 2.41 and later. Every difference is on purpose, and the
// README names it. A face refuses a harmful command line before it does anything. The version and the help name ipctop.
//
// Messages are in English in every locale. The package does not have util-linux's translations.
package utillinux
