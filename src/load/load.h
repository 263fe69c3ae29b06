/* load.h: the load generator, `collabd bench`. It plays many clients of a server that runs in another process,
 * counts what they hear, and says what that cost the server.
 *
 * One thread, one epoll set, sockets of its own: it shares with the server only base/ and the codecs of wire/, so
 * that what it measures is not what it is made of. How it is put together:
 *     plan     what was asked for on the command line
 *     script   what a client says and hears on one wire: native, raw, socketio (pure)
 *     caller   one client: its socket, its handshake, what it has yet to send
 *     swarm    all of them: connects, polls, counts
 *     pace     who speaks next, and when (pure)
 *     scenario_*  the measurements
 *     latency, process, report   percentiles, another process's CPU and memory, the results */
#pragma once

/* argv[0] is the subcommand's name. Prints the results on standard output and what went wrong on standard error;
 * gives the exit status: 0, 1 (the measurement failed), 2 (the command line is wrong). */
int load_main(int argc, char **argv);
