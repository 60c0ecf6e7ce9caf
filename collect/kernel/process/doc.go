// Package process reads processes: the files of /proc/PID, their threads, and the waits of these threads.
package process
