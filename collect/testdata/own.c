// A program that waits for what only it could give. The first argument names the wait, the others add what could wake
// it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int in, out, other[2];
static char byte, room[1 << 20];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;

static void handler(int signal) { (void)signal; }
static void *reads(void *fd) { read(*(int *)fd, &byte, 1); return NULL; }
static void *posts(void *fd) { read(*(int *)fd, &byte, 1); sem_post(&sem); return NULL; }
static void *fills(void *unused) { write(out, room, sizeof room); sem_post(&sem); return unused; }
static void *takes(void *unused) { sem_wait(&sem); return unused; }
static void *ends_locked(void *unused) { pthread_mutex_lock(&mutex); return unused; }
static void *locks(void *unused) { pthread_mutex_lock(&mutex); return unused; }
static void *sleeps(void *unused) { for (;;) pause(); return unused; }
static void *holds(void *unused) { pthread_mutex_lock(&mutex); return sleeps(unused); }
static void *waits_timed(void *unused) {
	struct timespec end = {1L << 33, 0};
	static sem_t never;
	sem_timedwait(&never, &end);
	return unused;
}
static void *waits_cond(void *unused) {
	static pthread_mutex_t of_cond = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&of_cond);
	for (;;) pthread_cond_wait(&cond, &of_cond);
	return unused;
}
static void fill(int fd) {
	for (;;)
		if (write(fd, room, 4096) < 0) exit(1);
}
// in is the master, out is the slave, and the slave passes on every byte as it is.
static void terminal(void) {
	struct termios raw;
	close(in), close(out);
	in = posix_openpt(O_RDWR | O_NOCTTY);
	if (in < 0 || grantpt(in) || unlockpt(in) || (out = open(ptsname(in), O_RDWR | O_NOCTTY)) < 0) exit(1);
	tcgetattr(out, &raw), cfmakeraw(&raw), tcsetattr(out, TCSANOW, &raw);
}
static pthread_t thread(void *(*run)(void *), void *arg) {
	pthread_t t;
	if (pthread_create(&t, NULL, run, arg)) exit(1);
	return t;
}

static void extra(const char *what) {
	struct itimerval later = {{0, 0}, {1L << 20, 0}};
	if (!strcmp(what, "handler")) signal(SIGUSR1, handler);
	if (!strcmp(what, "interrupt")) signal(SIGINT, handler);
	if (!strcmp(what, "fault")) signal(SIGSEGV, handler);
	if (!strcmp(what, "alarm")) signal(SIGALRM, handler), setitimer(ITIMER_REAL, &later, NULL);
	if (!strcmp(what, "sleeper")) thread(sleeps, NULL);
	if (!strcmp(what, "timed")) thread(waits_timed, NULL);
	if (!strcmp(what, "idle")) thread(waits_cond, NULL);
	if (!strcmp(what, "traced")) {
		int up[2], pid = getpid();
		if (pipe(up)) exit(1);
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		if (!fork()) { // the tracer keeps no end of the pipe
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(in), close(out);
			if (ptrace(PTRACE_SEIZE, pid, 0, 0)) _exit(1);
			write(up[1], "", 1);
			pause();
		}
		read(up[0], &byte, 1), close(up[0]), close(up[1]);
	}
}

static void locks_again(int number) { pthread_mutex_lock(&mutex); }

int main(int n, char **args) {
	const char *mode = args[1];
	int fd[2];
	struct pollfd p;
	if (pipe(fd)) return 1;
	in = fd[0], out = fd[1];
	sem_init(&sem, 0, 0);
	for (int i = 2; i < n; i++) extra(args[i]);

	if (!strcmp(mode, "read")) read(in, &byte, 1);
	if (!strcmp(mode, "write")) write(out, room, sizeof room);
	p = (struct pollfd){in, POLLIN, 0};
	if (!strcmp(mode, "poll")) poll(&p, 1, -1);
	if (!strcmp(mode, "poll-timed")) poll(&p, 1, 1 << 30);
	if (!strcmp(mode, "splice") && !pipe(other)) splice(in, NULL, other[1], NULL, 1, 0);
	if (!strcmp(mode, "socket") && !socketpair(AF_UNIX, SOCK_STREAM, 0, other)) read(other[0], &byte, 1);
	if (!strcmp(mode, "fifo") && !mkfifo("/dev/shm/own", 0600)) {
		in = open("/dev/shm/own", O_RDWR);
		unlink("/dev/shm/own");
		read(in, &byte, 1);
	}
	if (!strcmp(mode, "child")) {
		if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGKILL), read(in, &byte, 1), _exit(0); }
		close(in), close(out), wait(NULL);
	}
	if (!strcmp(mode, "two-threads") && !pipe(other)) thread(reads, &other[0]), read(in, &byte, 1);
	if (!strcmp(mode, "joined")) pthread_join(thread(reads, &in), NULL);
	if (!strcmp(mode, "vfork")) {
		if (!vfork()) { prctl(PR_SET_PDEATHSIG, SIGKILL), read(in, &byte, 1), _exit(0); }
	}
	if (!strncmp(mode, "terminal", 8)) {
		terminal();
		if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGKILL), close(in), fill(out); }
		if (!strcmp(mode, "terminal-both")) close(out), fill(in);
		if (!strcmp(mode, "terminal-waited")) wait(NULL);
		if (!strcmp(mode, "terminal-kept")) sleeps(NULL);
	}
	if (!strncmp(mode, "connect-", 8)) { // the parent listens and does not accept
		struct sockaddr_un name = {AF_UNIX, "/dev/shm/own"};
		struct sockaddr_in port = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
		int tcp = !strncmp(mode, "connect-tcp", 11);
		struct sockaddr *to = tcp ? (void *)&port : (void *)&name;
		socklen_t size = tcp ? sizeof port : sizeof name;
		int listener = socket(to->sa_family, SOCK_STREAM, 0);
		unlink(name.sun_path);
		if (bind(listener, to, size) || listen(listener, 1) || getsockname(listener, to, &size)) exit(1);
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL), close(listener);
			for (;;) if (connect(socket(to->sa_family, SOCK_STREAM, 0), to, size)) exit(1);
		}
		if (strstr(mode, "-free")) sleeps(NULL);
		wait(NULL);
	}
	if (!strcmp(mode, "semaphore")) sem_wait(&sem);
	if (!strcmp(mode, "pool")) thread(takes, NULL), thread(waits_cond, NULL), sem_wait(&sem);
	if (!strcmp(mode, "poster")) thread(posts, &in), sem_wait(&sem);
	if (!strcmp(mode, "owner-ended")) pthread_join(thread(ends_locked, NULL), NULL), pthread_mutex_lock(&mutex);
	if (!strcmp(mode, "handler-locks")) signal(SIGALRM, locks_again), pthread_mutex_lock(&mutex), raise(SIGALRM);
	if (!strcmp(mode, "two-lockers"))
		pthread_join(thread(ends_locked, NULL), NULL), thread(locks, NULL), pthread_mutex_lock(&mutex);
	if (!strcmp(mode, "forked")) {
		thread(holds, NULL);
		while (!pthread_mutex_trylock(&mutex)) pthread_mutex_unlock(&mutex), usleep(1000);
		if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGKILL), pthread_mutex_lock(&mutex), _exit(0); }
		wait(NULL);
	}
	if (!strcmp(mode, "queue")) { // the child joins a thread that writes more than its parent reads
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			thread(fills, NULL), sem_wait(&sem), _exit(0);
		}
		close(out), wait(NULL);
	}
	return 0;
}
