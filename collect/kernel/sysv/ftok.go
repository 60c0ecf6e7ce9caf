package sysv

// Ftok is the key that glibc's ftok computes from a file and the low 8 bits of a project id (sysvipc/ftok.c). It uses
// only 8 bits of the device number and 16 bits of the inode. So many files have the same key.
func Ftok(dev, ino uint64, proj byte) uint32 {
	return uint32(proj)<<24 | uint32(dev&0xff)<<16 | uint32(ino&0xffff)
}
