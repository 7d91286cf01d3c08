/* SPDX-License-Identifier: Apache-2.0 */
/* Every reason why a connection does not get to a session. */
#include "tests/unit/admission_fixture.h"

/* ---- refused ---- */

START_TEST(bad_identity)
{
	struct lane *lane;

	fixture.settings->unlisted = true;
	lane = connects("");
	ck_refused(lane, GOODBYE_BAD_IDENTITY,
		"the certificate meets no entry in peers, and as to its own name, it has no name");
	ck_assert_str_eq(fixture.refused_name, "");
}
END_TEST

START_TEST(unlisted)
{
	struct lane *lane = connects("stranger");

	ck_refused(lane, GOODBYE_UNLISTED,
		"its certificate is valid, but the server's configuration has no entry in peers for it (its names: dns:stranger)");
	ck_assert_str_eq(fixture.refused_name, "stranger");
}
END_TEST

START_TEST(wrong_version)
{
	struct lane *lane = connects("peer-0");
	struct message message = hello(1);

	message.hello.version = MESSAGE_VERSION + 1;
	says(lane, &message);
	ck_refused(lane, GOODBYE_VERSION,
		"hello names a protocol version that the server does not know");
	ck_assert(!lane->admitted);
}
END_TEST

/* The instance that was replaced comes back, as its goodbye was lost: it must not replace in turn. */
START_TEST(replaced_one_comes_back)
{
	struct session *session = has_session("peer-0", 2);
	struct lane *lane = connects("peer-0");

	session->has_replaced = true;
	session->replaced[0] = 1;
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_REPLACED, "another instance with the same certificate took over");
	ck_assert_uint_eq(fixture.left, 0);
	ck_assert_int_eq(session->state, SESSION_UP);
}
END_TEST

/* A third instance is neither: it replaces in turn, and the one that has replaced may come back. */
START_TEST(third_instance)
{
	struct session *session = has_session("peer-0", 2);
	struct lane *lane = connects("peer-0");

	session->has_replaced = true;
	session->replaced[0] = 1;
	says_hello(lane, 2);
	ck_opened(lane);
	session->state = SESSION_UP;
	says_hello(connects("peer-0"), 3);
	ck_assert_uint_eq(fixture.refusals, 0);
	ck_assert_uint_eq(fixture.left, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_REPLACED);
}
END_TEST

START_TEST(session_limit)
{
	struct lane *lane;

	(void)has_session("peer-0", 1);
	fixture.settings->max_sessions = fixture.descriptors.sessions = 1;
	lane = connects("peer-1");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_LIMIT, "the limit max_sessions is reached");
	fixture.settings->max_sessions = 2;
	lane = connects("peer-1");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_LIMIT, "the limit of open files allows no more sessions");
	/* One that is there is taken over all the same. */
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_opened(lane);
}
END_TEST

/* 10.9.0.0/29 has five addresses for peers. */
static void fill_pool(void)
{
	struct addr addr4, addr6;
	struct problem problem;
	struct identity name;

	for (int i = 0; i < 5; i++) {
		(void)snprintf(name.name, sizeof(name.name), "other-%d", i);
		ck_assert_int_eq(
			pool_take(fixture.offer.pool, &name, 1, &addr4, &addr6, &problem), 0);
	}
}

START_TEST(no_address)
{
	struct session *session = has_session("peer-0", 1);
	struct lane *lane = connects("peer-1");
	struct identity name = session->name;

	offer_return(&fixture.offer, &name);
	fill_pool();
	says_hello(lane, 1);
	ck_assert_ptr_nonnull(strstr(fixture.cause, "10.9.0.0/29"));
	ck_refused(lane, GOODBYE_NO_ADDRESS, lane->goodbye.goodbye.text);
	/* Nor does a session get one whose addresses were given away. */
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_NO_ADDRESS, lane->goodbye.goodbye.text);
	ck_assert_uint_eq(fixture.let_go, 0);
}
END_TEST

/* No memory for the session, or for its lane: the addresses are free again. */
START_TEST(no_memory)
{
	struct addr addr4 = addr_of("10.9.0.2"), none = { .family = AF_UNSPEC };
	struct identity other = { "other" };
	struct problem problem;
	struct lane *lane = connects("peer-0");

	fixture.session_error = -ENOMEM;
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
	ck_assert_int_eq(offer_keep(&fixture.offer, &other, &addr4, &none, &problem), 0);
	offer_return(&fixture.offer, &other);
	fixture.session_error = 0;
	fixture.open_error = -ENOMEM;
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
	ck_assert_uint_eq(fixture.left, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_INTERNAL);
}
END_TEST

START_TEST(no_memory_to_take_over)
{
	struct lane *lane;

	(void)has_session("peer-0", 1);
	fixture.open_error = -ENOMEM;
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
	ck_assert_uint_eq(fixture.session_count, 1); /* it lingers */
	ck_assert_uint_eq(fixture.left, 0);
}
END_TEST

START_TEST(join_refused)
{
	static const struct {
		int error;
		uint16_t code;
	} answers[] = {
		{ -EPROTO, GOODBYE_PROTOCOL },
		{ -EAGAIN, GOODBYE_LIMIT },
		{ -ENOBUFS, GOODBYE_LIMIT },
		{ -ENOMEM, GOODBYE_INTERNAL },
	};
	struct lane *lane = connects("peer-0");
	char text[64];

	says_join(lane);
	ck_refused(lane, GOODBYE_PROTOCOL, SESSION_JOIN_UNKNOWN);
	(void)has_session("peer-0", 1);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		fixture.join_error = answers[i].error;
		lane = connects("peer-0");
		says_join(lane);
		(void)snprintf(text, sizeof(text), "join refused by %d", -answers[i].error);
		ck_refused(lane, answers[i].code, text);
	}
}
END_TEST

START_TEST(other_message_first)
{
	struct message ping = { .type = MESSAGE_PING };
	struct lane *lane = connects("peer-0");

	says(lane, &ping);
	ck_refused(lane, GOODBYE_PROTOCOL, "ping before the session was open");
}
END_TEST

START_TEST(nonsense)
{
	struct lane *lane = connects("peer-0");
	uint8_t data[] = { 0, 1, 0, 9, 0 };

	lane->owner->control(lane->owner, lane, data, sizeof(data));
	ck_refused(lane, GOODBYE_PROTOCOL, lane->goodbye.goodbye.text);
}
END_TEST

START_TEST(fault)
{
	struct lane *lane = connects("peer-0");

	lane->owner->fault(lane->owner, lane, GOODBYE_FLOOD, "too many frames");
	ck_refused(lane, GOODBYE_FLOOD, "too many frames");
}
END_TEST

/* What waits is bounded, and charged to the one that waits. */
START_TEST(flood_while_waiting)
{
	struct message notice = { .type = MESSAGE_NOTICE };
	struct session *old = has_session("peer-0", 1);
	struct lane *lane = connects("peer-0");

	says_hello(lane, 2);
	memset(notice.notice.text, 'x', sizeof(notice.notice.text) - 1);
	for (int i = 0; !lane->ended && i < HELD_MESSAGES_BYTES_MAX; i++)
		says(lane, &notice);
	ck_refused(lane, GOODBYE_FLOOD, "too many control messages before welcome");
	session_ends(old);
	ck_assert_uint_eq(fixture.opened, 1);
}
END_TEST

/* The last to come wins, whether it is the same client again or another one. */
START_TEST(newer_one_waits)
{
	struct session *old = has_session("peer-0", 1);
	struct lane *second = connects("peer-0"), *third, *fourth;

	says_hello(second, 2);
	third = connects("peer-0");
	says_hello(third, 2);
	ck_refused(second, GOODBYE_DEAD_PEER,
		"a newer connection with the same certificate took over");
	fourth = connects("peer-0");
	says_hello(fourth, 3);
	ck_refused(
		third, GOODBYE_REPLACED, "a newer connection with the same certificate took over");
	session_ends(old);
	ck_opened(fourth);
	ck_assert_uint_eq(fixture.opened, 2);
}
END_TEST

/* The log of this end has what the client found about this end's certificate. */
START_TEST(client_refuses)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE, .goodbye.code = GOODBYE_BAD_IDENTITY };
	struct lane *lane = connects("peer-0");

	unit_text(goodbye.goodbye.text, "you are\nhub");
	says(lane, &goodbye);
	ck_assert_str_eq(fixture.cause, "the client refuses this server: you are\\x0ahub");
	ends(lane, LANE_END_ORDERED, "");
	ck_assert_uint_eq(fixture.refusals, 1);
}
END_TEST

/* The name of the entry is that of the session, whatever else is in the certificate. */
START_TEST(entry_with_identity)
{
	struct settings_peer *peer = &fixture.settings->peers[0];
	struct peer_names *names = names_of("other");
	struct lane_peer secured = { .cipher = "TLS_AES_256_GCM_SHA384", .names = names };
	struct problem problem = { 0 };
	struct lane *lane = connects_from("192.0.2.7");

	peer->identity = strdup("uri:spiffe://example.org/zero");
	ck_assert_int_eq(settings_index(fixture.settings, &problem), 0);
	names_add(names, PEER_NAME_URI, "spiffe://example.org/zero");
	secured.identity = names->plain;
	lane->owner->secured(lane->owner, lane, &secured);
	peer_names_unref(names);
	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_ptr_nonnull(peers_find(&fixture.peers, &peer->name));
}
END_TEST

/* The entry's name alone does not make a peer, listed or not. */
START_TEST(name_of_an_entry_with_identity)
{
	struct lane *lane;
	struct problem problem = { 0 };

	fixture.settings->unlisted = true;
	fixture.settings->peers[0].identity = strdup("dns:zero.example.org");
	ck_assert_int_eq(settings_index(fixture.settings, &problem), 0);
	lane = connects("peer-0");
	ck_refused(lane, GOODBYE_UNLISTED,
		"the certificate has the name of the entry peer-0 in peers, but does not meet it: its identity \"dns:zero.example.org\" is none of the certificate's names");
}
END_TEST

START_TEST(meets_two_entries)
{
	struct peer_names *names = names_of("peer-1");
	struct lane_peer secured = { .cipher = "TLS_AES_256_GCM_SHA384", .names = names };
	struct problem problem = { 0 };
	struct lane *lane = connects_from("192.0.2.7");

	fixture.settings->peers[0].identity = strdup("cn:two words");
	ck_assert_int_eq(settings_index(fixture.settings, &problem), 0);
	names_add(names, PEER_NAME_CN, "two words");
	lane->owner->secured(lane->owner, lane, &secured);
	peer_names_unref(names);
	ck_assert_int_eq(
		strncmp(fixture.cause,
			"the certificate meets two entries in peers, peer-1 and peer-0,", 60),
		0);
	ck_assert(lane->ended && lane->has_goodbye);
	ck_assert_uint_eq(lane->goodbye.goodbye.code, GOODBYE_BAD_IDENTITY);
	ends(lane, LANE_END_ORDERED, "");
}
END_TEST

/* A probe, or a client that has another connection: nobody is refused. */
START_TEST(leaves_without_hello)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE, .goodbye.code = GOODBYE_SHUTDOWN };
	struct lane *lane = connects("peer-0");

	says(lane, &goodbye);
	ck_assert(lane->ended && !lane->has_goodbye);
	ends(lane, LANE_END_ORDERED, "");
	ck_assert_uint_eq(fixture.refusals, 0);
	ck_assert_uint_eq(fixture.ends, 1);
}
END_TEST

START_TEST(says_goodbye_first)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE, .goodbye.code = GOODBYE_INTERNAL };
	struct lane *lane = connects("peer-0");

	says(lane, &goodbye);
	ck_assert_str_eq(
		fixture.cause, "the client sent a goodbye before the server answered hello");
	ck_assert(lane->ended && !lane->has_goodbye);
	ends(lane, LANE_END_ORDERED, "");
	ck_assert_uint_eq(fixture.refusals, 1);
	ck_assert_uint_eq(fixture.ends, 1);
}
END_TEST

/* Its lane ends before anything was decided: the log names the cause, once. */
START_TEST(lane_ends)
{
	struct session *old;
	struct lane *lane = connects_from("192.0.2.7");

	ends(lane, LANE_END_DEADLINE, "");
	ck_assert_str_eq(fixture.cause, "deadline passed");
	ends(connects_from("192.0.2.7"), LANE_END_CLOSED, "in the handshake");
	ck_assert_str_eq(fixture.cause, "the end: in the handshake");
	ends(connects("peer-0"), LANE_END_CLOSED, "");
	ck_assert_ptr_nonnull(
		strstr(fixture.cause, "the client closed the connection before hello"));
	ck_assert_str_eq(fixture.refused_name, "peer-0");
	/* A name may be one letter long. */
	fixture.settings->unlisted = true;
	ends(connects("x"), LANE_END_CLOSED, "");
	ck_assert_ptr_nonnull(
		strstr(fixture.cause, "the client closed the connection before hello"));
	/* One that waited has said its hello. */
	old = has_session("peer-0", 1);
	lane = connects("peer-0");
	says_hello(lane, 2);
	ends(lane, LANE_END_CLOSED, "");
	ck_assert_str_eq(fixture.cause, "the end");
	session_ends(old);
	ck_assert_uint_eq(fixture.opened, 1);
	ck_assert_uint_eq(fixture.ends, 5);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

/* An old client is told a code that it knows, and no class costs it anything. */
START_TEST(old_client)
{
	struct lane *lane = connects("peer-0");
	struct message message = hello(1);

	message.hello.features = 0;
	fixture.session_error = -ENOMEM;
	says(lane, &message);
	ck_assert_uint_le(lane->goodbye.goodbye.code, GOODBYE_OLD_LAST);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
}
END_TEST

START_TEST(server_stops)
{
	struct lane *lane = connects("peer-0"), *gone = connects("stranger");

	fixture.refusals = 0;
	admission_stop(&fixture.admission);
	ck_refused(lane, GOODBYE_SHUTDOWN, "the server is shutting down");
	ck_assert_uint_eq(gone->goodbye.goodbye.code, GOODBYE_UNLISTED);
}
END_TEST

START_TEST(no_lane)
{
	struct endpoint outer = { addr_of("192.0.2.7"), 50000 };
	int fds[2];
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fixture.lane_error = -ENOMEM;
	admission_take(&fixture.admission, fds[0], &outer, mono_now());
	ck_assert_uint_eq(fixture.refusals, 1);
	ck_assert_str_eq(fixture.cause, "out of memory");
	ck_assert_int_eq(recv(fds[1], &byte, 1, 0), 0);
	close(fds[1]);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

/* A reload while candidates wait for their hello: each is judged by the new settings. */
START_TEST(changed_settings)
{
	struct lane *insecure = connects_from("192.0.2.8"), *stays = connects("peer-0"),
		    *goes = connects("peer-1");
	struct settings *next = server(2);

	next->peers[0].name = identity_of("peer-2");
	next->peers[1].name = identity_of("peer-0");
	settings_exchange(fixture.settings, next);
	admission_follow(&fixture.admission);
	settings_free(next);
	ck_assert(goes->ended);
	ck_assert_uint_eq(goes->goodbye.goodbye.code, GOODBYE_UNLISTED);
	ck_assert_uint_eq(fixture.refusals, 1);
	fixture.refusals = 0;
	/* The entry is the one of now, in another place. */
	says_hello(stays, 1);
	ck_opened(stays);
	ck_assert_ptr_eq(fixture.sessions[0].peer, &fixture.settings->peers[1]);
	/* Without a certificate there was nothing to judge. */
	ck_assert(!insecure->ended);
	secures(insecure, "peer-2");
	says_hello(insecure, 2);
	ck_assert_ptr_eq(fixture.sessions[1].peer, &fixture.settings->peers[0]);
}
END_TEST

/* The certificate meets an entry of another name now, or has to meet none. */
START_TEST(changed_settings_rename)
{
	struct lane *lane = connects("peer-0"), *plain;
	struct problem ignored;

	fixture.settings->peers[0].name = identity_of("berlin");
	fixture.settings->peers[0].identity = strdup("dns:peer-0");
	settings_index_free(fixture.settings);
	ck_assert_int_eq(settings_index(fixture.settings, &ignored), 0);
	admission_follow(&fixture.admission);
	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_str_eq(fixture.sessions[0].name.name, "berlin");
	plain = connects("peer-1");
	fixture.settings->unlisted = true;
	fixture.settings->peers[1].name = identity_of("paris");
	settings_index_free(fixture.settings);
	ck_assert_int_eq(settings_index(fixture.settings, &ignored), 0);
	admission_follow(&fixture.admission);
	says_hello(plain, 2);
	ck_opened(plain);
	ck_assert_ptr_null(fixture.sessions[1].peer);
}
END_TEST

/* A candidate that was refused before is not refused again, whatever the new settings say. */
START_TEST(changed_settings_of_the_refused)
{
	struct lane *lane = connects("stranger");

	ck_refused(lane, GOODBYE_UNLISTED, lane->goodbye.goodbye.text);
	admission_follow(&fixture.admission);
	fixture.settings->unlisted = true;
	admission_follow(&fixture.admission);
	ck_assert_uint_eq(fixture.refusals, 0);
}
END_TEST

/* One that waits for the end of the old session goes on to wait, with the entry of now. */
START_TEST(changed_settings_while_it_waits)
{
	struct session *old = has_session("peer-0", 1);
	struct lane *lane = connects("peer-0");
	struct settings *next = server(1);

	says_hello(lane, 2);
	ck_assert_ptr_ne(fixture.opened_lane, lane);
	settings_exchange(fixture.settings, next);
	admission_follow(&fixture.admission);
	settings_free(next);
	session_ends(old);
	ck_opened(lane);
	ck_assert_ptr_eq(fixture.sessions[0].peer, &fixture.settings->peers[0]);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { bad_identity, unlisted, wrong_version,
		replaced_one_comes_back, third_instance, session_limit, no_address, no_memory,
		no_memory_to_take_over, join_refused, other_message_first, nonsense, fault,
		flood_while_waiting, newer_one_waits, leaves_without_hello, says_goodbye_first,
		client_refuses, entry_with_identity, name_of_an_entry_with_identity,
		meets_two_entries, lane_ends, old_client, server_stops, no_lane, changed_settings,
		changed_settings_rename, changed_settings_of_the_refused,
		changed_settings_while_it_waits };

	return unit_suite("admission_refused", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("admission_refused", suite());
}
