// The least work of the kernel that a listing needs. BenchmarkGoals compares with this program.
//
//	floor descriptors   getdents64 and readlinkat over all /proc/PID/fd
//	floor sysv          MSG_STAT_ANY, SEM_STAT_ANY and SHM_STAT_ANY of all System V objects
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

// C libraries before 2020 do not name these: include/uapi/linux/{msg,sem,shm}.h.
enum { msg_stat_any = 13, sem_stat_any = 20, shm_stat_any = 15 };

struct entry { // linux_dirent64, man 2 getdents64
	unsigned long long inode;
	long long offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static long links(int dir)
{
	static char entries[32768], link[4096];
	long n = 0, size;
	while ((size = syscall(SYS_getdents64, dir, entries, sizeof entries)) > 0)
		for (long at = 0; at < size;) {
			struct entry *e = (struct entry *)(entries + at);
			if (e->name[0] != '.' && readlinkat(dir, e->name, link, sizeof link) >= 0)
				n++;
			at += e->length;
		}
	return n;
}

static long descriptors(void)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return -1;
	long n = 0;
	struct dirent *e;
	while ((e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		char path[300];
		snprintf(path, sizeof path, "/proc/%s/fd", e->d_name);
		int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			continue;
		n += links(dir);
		close(dir);
	}
	return n;
}

static long sysv(void)
{
	union { int val; struct semid_ds *set; struct seminfo *info; } arg;
	struct msqid_ds queue;
	struct semid_ds set;
	struct shmid_ds segment;
	struct seminfo info;
	long n = 0;
	// MSG_INFO, SEM_INFO and SHM_INFO return the highest index in use.
	for (int i = 0, last = msgctl(0, MSG_INFO, (struct msqid_ds *)&info); i <= last; i++)
		n += msgctl(i, msg_stat_any, &queue) >= 0;
	arg.info = &info;
	int last = semctl(0, 0, SEM_INFO, arg);
	arg.set = &set;
	for (int i = 0; i <= last; i++)
		n += semctl(i, 0, sem_stat_any, arg) >= 0;
	struct shm_info shm;
	last = shmctl(0, SHM_INFO, (struct shmid_ds *)&shm);
	for (int i = 0; i <= last; i++)
		n += shmctl(i, shm_stat_any, &segment) >= 0;
	return n;
}

int main(int argc, char **argv)
{
	long n = -1;
	if (argc > 1 && !strcmp(argv[1], "descriptors"))
		n = descriptors();
	if (argc > 1 && !strcmp(argv[1], "sysv"))
		n = sysv();
	if (n < 0)
		return 2;
	printf("%ld\n", n);
	return 0;
}
