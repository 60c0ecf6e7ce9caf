package sock

// EmptyUnix lists the inodes of those sockets of a dump that hold no message. The length of the receive queue alone
// does not tell: a message of SOCK_DGRAM and SOCK_SEQPACKET may have no bytes, and so does a byte out of band that was
// read already (unix_inq_len and unix_stream_recv_urg, net/unix/af_unix.c). But a sender pays for its message until the
// message is read (sk_wmem_alloc). So a socket is empty if only its peer can send to it, and the peer pays for nothing.
//
// To a datagram socket with a peer, nobody else can send (unix_may_send). What others sent before stays, but only a
// socket with a name receives from others. A new peer makes the kernel drop what the old one sent
// (unix_dgram_disconnected).
func EmptyUnix(list []UnixSocket) []uint64 {
	pays := make(map[uint64]bool, len(list))
	for i := range list {
		if s := &list[i]; s.Inode != 0 {
			pays[s.Inode] = !s.Diag || s.SendQueue > 0
		}
	}
	empty := make([]uint64, 0, len(list))
	for i := range list {
		s := &list[i]
		if !s.Diag || s.RecvQueue > 0 {
			continue
		}
		// The queue of a listener has sockets. Messages to a socket that waits for accept are in that socket.
		if s.State != SocketListen {
			owes, alive := pays[s.Peer]
			if !alive || owes || s.Type == SocketDgram && s.Naming != UnixUnnamed {
				continue
			}
		}
		empty = append(empty, s.Inode)
	}
	return empty
}
