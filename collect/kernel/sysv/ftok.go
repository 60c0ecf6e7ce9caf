package sysv

// Ftok is the key that glibc's ftok makes of a file and the low 8 bits of a project id (sysvipc/ftok.c): of the
// device's number and the inode's only 8 and 16 bits are left, so that many files have the same one.
func Ftok(dev, ino uint64, proj byte) uint32 {
	return uint32(proj)<<24 | uint32(dev&0xff)<<16 | uint32(ino&0xffff)
}
