package utillinux

import (
	"math"
	"strconv"
)

// semVMX is SEMVMX of include/uapi/linux/sem.h: the largest value of a semaphore. Nobody can change it.
const semVMX = 32767

// size prints a label and a number of bytes, in the run's unit. If the command line names no unit, it uses usual.
func (r *ipcsRun) size(label string, n uint64, usual unit) {
	u := r.unit
	if u == unitDefault {
		u = usual
	}
	switch u {
	case unitHuman:
		r.print(label + " = " + humanSize(n) + "\n")
	case unitKB:
		r.print(label + " (kbytes) = " + strconv.FormatUint(n/1024, 10) + "\n")
	case unitBytes:
		r.print(label + " (bytes) = " + strconv.FormatUint(n, 10) + "\n")
	case unitDefault:
		r.print(label + " = " + strconv.FormatUint(n, 10) + " bytes\n")
	}
}

func (r *ipcsRun) msgLimits() {
	info, err := r.host.MsgInfo()
	if err != nil {
		r.print("unable to fetch message limits\n")
		return
	}
	r.print("------ Messages Limits --------\n")
	r.printf("max queues system wide = %d\n", int32(info.MNI))
	r.size("max size of message", info.Max, unitBytes)
	r.size("default max size of queue", info.MNB, unitBytes)
}

func (r *ipcsRun) shmLimits() {
	info, err := r.host.ShmInfo()
	if err != nil {
		r.print("unable to fetch shared memory limits\n")
		return
	}
	r.print("------ Shared Memory Limits --------\n")
	r.printf("max number of segments = %d\n", info.MNI)
	r.size("max seg size", info.Max, unitKB)
	if r.unit == unitDefault {
		r.printf("max total shared memory (kbytes) = %d\n", clampedProduct(info.All, info.PageSize/1024))
	} else {
		r.size("max total shared memory", clampedProduct(info.All, info.PageSize), unitBytes)
	}
	r.size("min seg size", info.Min, unitBytes)
}

// clampedProduct gives a*b. If the product does not fit 64 bits, it gives the largest multiple of b that fits.
func clampedProduct(a, b uint64) uint64 {
	if a != 0 && a*b/a != b {
		return math.MaxUint64 - math.MaxUint64%b
	}
	return a * b
}

func (r *ipcsRun) semLimits() {
	info, err := r.host.SemInfo()
	if err != nil {
		r.print("unable to fetch semaphore limits\n")
		return
	}
	r.print("------ Semaphore Limits --------\n")
	r.printf("max number of arrays = %d\n", int32(info.MNI))
	r.printf("max semaphores per array = %d\n", int32(info.MSL))
	r.printf("max semaphores system wide = %d\n", int32(info.MNS))
	r.printf("max ops per semop call = %d\n", int32(info.OPM))
	r.printf("semaphore max value = %d\n", semVMX)
}

func (r *ipcsRun) msgSummary() {
	info, err := r.host.MsgInfo()
	if err != nil || info.FromLists { // util-linux reads no sums elsewhere
		r.print("kernel not configured for message queues\n")
		return
	}
	r.print("------ Messages Status --------\n")
	r.printf("allocated queues = %d\n", info.Queues)
	r.printf("used headers = %d\n", info.Messages)
	// The kernel's count is an int. It becomes negative above 2 GiB of messages. util-linux prints it as 64 unsigned
	// bits.
	r.size("used space", uint64(int64(int32(info.Bytes))), unitDefault)
}

func (r *ipcsRun) shmSummary() {
	info, err := r.host.ShmInfo()
	if err != nil || info.FromLists { // util-linux reads no sums elsewhere
		r.print("kernel not configured for shared memory\n")
		return
	}
	r.print("------ Shared Memory Status --------\n")
	r.printf("segments allocated %d\n", info.Segments)
	r.printf("pages allocated %d\n", info.Pages)
	r.printf("pages resident  %d\n", info.RSSPages)
	r.printf("pages swapped   %d\n", info.SwapPages)
	r.print("Swap performance: 0 attempts\t 0 successes\n") // the kernel has not counted these since 2.4
}

func (r *ipcsRun) semSummary() {
	info, err := r.host.SemInfo()
	if err != nil || info.FromLists { // util-linux reads no sums elsewhere
		r.print("kernel not configured for semaphores\n")
		return
	}
	r.print("------ Semaphore Status --------\n")
	r.printf("used arrays = %d\n", info.Sets)
	r.printf("allocated semaphores = %d\n", info.Semaphores)
}
