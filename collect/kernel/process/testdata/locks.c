// locks WHAT SHARED TYPE ROBUST PROTOCOL makes one of glibc's locks. Its first thread takes the lock, a second thread
// waits for it. The program prints the TIDs of both threads, the waiter's first. It ends when its input ends.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const char *what;
static void *object;

static void say(pid_t holder, pid_t waiter)
{
	printf("%d %d\n", waiter, holder);
	fflush(stdout);
}

static void *wait_for_it(void *holder)
{
	pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	struct timespec later;

	clock_gettime(CLOCK_REALTIME, &later);
	later.tv_sec += 1000;
	say(*(pid_t *)holder, gettid());
	if (!strcmp(what, "mutex"))
		pthread_mutex_lock(object);
	else if (!strcmp(what, "mutex-timed"))
		pthread_mutex_timedlock(object, &later);
	else if (!strcmp(what, "written-read"))
		pthread_rwlock_rdlock(object);
	else if (!strcmp(what, "written-write") || !strcmp(what, "read-write"))
		pthread_rwlock_wrlock(object);
	else if (!strcmp(what, "written-write-timed"))
		pthread_rwlock_timedwrlock(object, &later);
	else if (!strcmp(what, "semaphore"))
		sem_wait(object);
	else if (!strcmp(what, "condition")) {
		pthread_mutex_lock(&own);
		pthread_cond_wait(object, &own);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static pid_t holder;
	pthread_mutexattr_t mutex;
	pthread_rwlockattr_t rwlock;
	pthread_condattr_t condition;
	pthread_t thread;
	int shared;

	if (argc != 6)
		return 2;
	what = argv[1];
	shared = atoi(argv[2]);
	holder = gettid();
	object = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (object == MAP_FAILED)
		return 1;
	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, shared);
	pthread_mutexattr_settype(&mutex, atoi(argv[3]));
	pthread_mutexattr_setrobust(&mutex, atoi(argv[4]));
	pthread_mutexattr_setprotocol(&mutex, atoi(argv[5]));
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setpshared(&rwlock, shared);
	pthread_rwlockattr_setkind_np(&rwlock, atoi(argv[3]));
	pthread_condattr_init(&condition);
	pthread_condattr_setpshared(&condition, shared);
	if (!strncmp(what, "mutex", 5)) {
		if (pthread_mutex_init(object, &mutex) || pthread_mutex_lock(object))
			return 1;
	} else if (!strncmp(what, "written", 7)) {
		if (pthread_rwlock_init(object, &rwlock) || pthread_rwlock_wrlock(object))
			return 1;
	} else if (!strncmp(what, "read", 4)) {
		if (pthread_rwlock_init(object, &rwlock) || pthread_rwlock_rdlock(object))
			return 1;
	} else if (!strcmp(what, "semaphore"))
		sem_init(object, shared, 0);
	else
		pthread_cond_init(object, &condition);
	if (pthread_create(&thread, NULL, wait_for_it, &holder))
		return 1;
	while (getchar() != EOF)
		;
	_exit(0);
}
