/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is replaced and put back, byte by byte, whatever it was. tests/system/dns.sh has it as a mount.
 *
 * check: own-process
 */
#include "netd/resolv_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

static char directory[] = "/tmp/test_resolv_conf-XXXXXX";
static char path[64], other[64];
static struct nameservers nameservers;
static struct problem problem;
static int held = -1;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/resolv.conf", directory);
	(void)snprintf(other, sizeof(other), "%s/other", directory);
	nameservers = (struct nameservers){ .server_count = 2, .domain_count = 2 };
	nameservers.server[0] = addr_of("10.9.0.1");
	nameservers.server[1] = addr_of("fd00::1");
	unit_text(nameservers.domain[0], "corp.example");
	unit_text(nameservers.domain[1], "example.org");
}

static void teardown(void)
{
	(void)unlink(path);
	(void)unlink(other);
	ck_assert_int_eq(rmdir(directory), 0); /* nothing else was left */
	if (held >= 0)
		close(held);
	held = -1;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void has_text(const char *name, const char *text)
{
	char *data;
	size_t len;

	ck_assert_int_eq(file_read(name, FILE_PUBLIC, &data, &len, &problem), 0);
	ck_assert_str_eq(data, text);
	free(data);
}

static enum resolv_conf_owner owner(void)
{
	enum resolv_conf_owner owner = RESOLV_CONF_CHANGED;

	ck_assert_int_eq(resolv_conf_owner(path, &owner, &problem), 0);
	return owner;
}

static void set(void)
{
	ck_assert_msg(
		resolv_conf_set(path, &nameservers, &held, &problem) == 0, "%s", problem.text);
	ck_assert_int_eq(owner(), RESOLV_CONF_OURS);
}

static void restore(void)
{
	ck_assert_msg(resolv_conf_restore(path, &problem) == 0, "%s", problem.text);
}

START_TEST(a_file_comes_back_as_it_was)
{
	static const char *const texts[] = { "", "\n", "nameserver 192.0.2.1\n", "no end",
		"a\n\n\nb\n\n", "# comment\n#kept file 644\n#|odd\n#!odder\n" };
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file(path, texts[i], 0640);
		set();
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0644); /* everybody resolves names */
		restore();
		has_text(path, texts[i]);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0640);
	}
}
END_TEST

START_TEST(ours_says_what_it_should)
{
	char *data;
	size_t len;

	write_file(path, "nameserver 192.0.2.1\n", 0644);
	set();
	ck_assert_int_eq(file_read(path, FILE_PUBLIC, &data, &len, &problem), 0);
	ck_assert_ptr_nonnull(strstr(data,
		"\nnameserver 10.9.0.1\nnameserver fd00::1\nsearch corp.example example.org\n"
		"#kept file 644\n#|nameserver 192.0.2.1\n"));
	free(data);
	/* Other resolvers: what was kept is kept. */
	nameservers.server_count = 1;
	set();
	restore();
	has_text(path, "nameserver 192.0.2.1\n");
}
END_TEST

START_TEST(a_link_comes_back_as_a_link)
{
	char target[64] = "";

	write_file(other, "nameserver 192.0.2.1\n", 0644);
	ck_assert_int_eq(symlink("other", path), 0);
	set();
	has_text(other, "nameserver 192.0.2.1\n");
	restore();
	ck_assert_int_eq(readlink(path, target, sizeof(target) - 1), 5);
	ck_assert_str_eq(target, "other");
	has_text(path, "nameserver 192.0.2.1\n");
}
END_TEST

START_TEST(where_there_was_none_there_is_none)
{
	ck_assert_int_eq(owner(), RESOLV_CONF_OTHERS);
	set();
	restore();
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(resolv_conf_restore(path, &problem), -ENOENT);
}
END_TEST

START_TEST(what_somebody_has_changed_is_left_alone)
{
	int fd;

	write_file(path, "nameserver 192.0.2.1\n", 0644);
	set();
	fd = open(path, O_WRONLY | O_APPEND);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write_all(fd, "x", 1), 0);
	close(fd);
	ck_assert_int_eq(owner(), RESOLV_CONF_CHANGED);
	ck_assert_int_eq(resolv_conf_restore(path, &problem), -EBUSY);
	ck_assert_int_eq(resolv_conf_set(path, &nameservers, &held, &problem), -EBUSY);
	write_file(path, "theirs\n", 0644);
	ck_assert_int_eq(owner(), RESOLV_CONF_OTHERS);
	ck_assert_int_eq(resolv_conf_restore(path, &problem), -ENOENT);
	has_text(path, "theirs\n");
	ck_assert(resolv_conf_mentions(path, "theirs"));
	ck_assert(!resolv_conf_mentions(path, "resolvconf"));
}
END_TEST

START_TEST(what_another_holds_is_left_alone)
{
	int none = -1;

	write_file(path, "nameserver 192.0.2.1\n", 0644);
	ck_assert(!resolv_conf_is_held(path));
	set();
	ck_assert(resolv_conf_is_held(path));
	set(); /* one's own is no hindrance */
	ck_assert(resolv_conf_is_held(path));
	ck_assert_int_eq(resolv_conf_set(path, &nameservers, &none, &problem), -EBUSY);
	ck_assert_int_eq(none, -1);
	close(held);
	held = -1;
	ck_assert(!resolv_conf_is_held(path));
	restore();
	has_text(path, "nameserver 192.0.2.1\n");
}
END_TEST

/* Or any user could keep the resolvers of a killed netd in place. */
START_TEST(a_reader_holds_nothing)
{
	struct flock shared = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int reader;

	write_file(path, "nameserver 192.0.2.1\n", 0644);
	set();
	reader = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(reader, 0);
	close(held);
	held = -1;
	ck_assert_int_eq(flock(reader, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(fcntl(reader, F_OFD_SETLK, &shared), 0);
	ck_assert(!resolv_conf_is_held(path));
	close(reader);
	restore();
}
END_TEST

/* The comments of programs that write the file. */
START_TEST(the_writer_is_named)
{
	static const struct {
		const char *text, *writer;
	} files[] = {
		{ "# Generated by NetworkManager\nnameserver 192.0.2.1\n", "NetworkManager" },
		{ "; generated by /usr/sbin/dhclient-script\n", "dhclient-script" },
		{ "# Generated by dhcpcd from eth0.dhcp\n", "dhcpcd" },
		{ "# This is /run/systemd/resolve/stub-resolv.conf managed by man:systemd-resolved(8).\n",
			"systemd-resolved" },
		{ "# resolv.conf generated by connman.\n", "connman" },
		{ "nameserver 192.0.2.1\nsearch generated by me\n", "" },
		{ "# by hand\n", "" },
		{ "# Generated by \033[31m\n", "" },
		{ "#|# Generated by NetworkManager\n", "" }, /* kept text */
		{ "", "" },
	};
	char writer[16];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		write_file(path, files[i].text, 0644);
		resolv_conf_writer(path, writer, sizeof(writer));
		ck_assert_str_eq(writer,
			strlen(files[i].writer) < sizeof(writer) ? files[i].writer
								 : "systemd-resolve");
	}
	(void)unlink(path);
	resolv_conf_writer(path, writer, sizeof(writer));
	ck_assert_str_eq(writer, "");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(resolv_conf_set(path, &nameservers, &held, &problem), -EINVAL);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* A file system of our own at the directory. False: we may not mount. */
static bool mount_small(const char *options)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", "", MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("small", directory, "tmpfs", 0, options) == 0;
}

/* Changes the flags of that file system. The kernel would take NULL as the type, but valgrind refuses it. */
static int remount(unsigned long flags)
{
	return mount("", directory, "", MS_REMOUNT | flags, "size=64k");
}

static void set_and_restore(void)
{
	ck_assert_int_eq(resolv_conf_set(path, &nameservers, &held, &problem), 0);
	restore();
	close(held); /* it would keep the mount busy */
	held = -1;
}

/* Its mount is full, its directory is not. */
START_TEST(a_full_disk_cuts_nothing)
{
	static char text[4001];
	char roomy[64], small[80];

	if (!mount_small("size=4k"))
		return;
	memset(text, '#', sizeof(text) - 1);
	text[sizeof(text) - 2] = '\n';
	write_file(path, text, 0644);
	(void)snprintf(roomy, sizeof(roomy), "%s-roomy", directory);
	ck_assert_int_eq(mkdir(roomy, 0700), 0);
	ck_assert_int_eq(mount("roomy", roomy, "tmpfs", 0, "size=64k"), 0);
	(void)snprintf(small, sizeof(small), "%s/f", roomy);
	write_file(small, "", 0644);
	ck_assert_int_eq(mount(path, small, "", MS_BIND, NULL), 0);
	ck_assert_int_eq(resolv_conf_set(small, &nameservers, &held, &problem), -ENOSPC);
	ck_assert_int_eq(held, -1);
	has_text(path, text);
	ck_assert_int_eq(umount(small), 0);
	ck_assert_int_eq(umount(roomy), 0);
	ck_assert_int_eq(rmdir(roomy), 0);
	ck_assert_int_eq(umount(directory), 0);
}
END_TEST

START_TEST(a_mounted_file_is_written_in_place)
{
	if (!mount_small("size=64k"))
		return;
	write_file(path, "nameserver 192.0.2.1\n", 0644);
	ck_assert_int_eq(mount(path, path, "", MS_BIND, NULL), 0);
	set_and_restore();
	has_text(path, "nameserver 192.0.2.1\n");
	ck_assert_int_eq(umount(path), 0);
	ck_assert_int_eq(umount(directory), 0);
}
END_TEST

START_TEST(a_link_on_a_read_only_disk_is_written_through)
{
	char elsewhere[] = "/tmp/test_resolv_conf_run-XXXXXX", target[64];
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(elsewhere));
	(void)snprintf(target, sizeof(target), "%s/real", elsewhere);
	write_file(target, "nameserver 192.0.2.1\n", 0640);
	if (mount_small("size=64k")) {
		ck_assert_int_eq(symlink(target, path), 0);
		ck_assert_int_eq(remount(MS_RDONLY), 0);
		set_and_restore();
		ck_assert_int_eq(resolv_conf_set(path, &nameservers, &held, &problem), 0);
		/* It can be written again: what was written through comes back through. */
		ck_assert_int_eq(remount(0), 0);
		set_and_restore();
		ck_assert_int_eq(lstat(path, &st), 0);
		ck_assert(S_ISLNK(st.st_mode));
		has_text(target, "nameserver 192.0.2.1\n");
		ck_assert_int_eq(umount(directory), 0);
	}
	ck_assert_int_eq(unlink(target), 0);
	ck_assert_int_eq(rmdir(elsewhere), 0);
}
END_TEST

/* Such links are no way to any text: they are kept, replaced and put back like others. */
START_TEST(a_link_to_nowhere_comes_back)
{
	static const char *const targets[] = { "resolv.conf", "missing",
		"/nonexistent/deep/missing", "/etc/passwd/no-directory" };
	char target[64];
	ssize_t len;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		ck_assert_int_eq(symlink(targets[i], path), 0);
		ck_assert_int_eq(owner(), RESOLV_CONF_OTHERS);
		set();
		restore();
		len = readlink(path, target, sizeof(target) - 1);
		ck_assert_int_gt(len, 0);
		target[len] = '\0';
		ck_assert_str_eq(target, targets[i]);
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

static void refused_with(int error, const char *words)
{
	ck_assert_int_eq(resolv_conf_set(path, &nameservers, &held, &problem), error);
	ck_assert_int_eq(held, -1);
	ck_assert_msg(strstr(problem.text, words) != NULL, "%s", problem.text);
}

START_TEST(a_full_directory_keeps_its_file)
{
	static char text[4001];

	if (!mount_small("size=4k"))
		return;
	memset(text, '#', sizeof(text) - 1);
	text[sizeof(text) - 2] = '\n';
	write_file(path, text, 0644);
	refused_with(-ENOSPC, "make room");
	has_text(path, text);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(umount(directory), 0); /* the temporary file is gone */
}
END_TEST

static void fill_disk(void)
{
	static char noise[65536];
	int fd = open(other, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	while (write(fd, noise, sizeof(noise)) > 0)
		;
	close(fd);
}

START_TEST(a_disk_that_filled_up_gets_its_file_back)
{
	if (!mount_small("size=16k"))
		return;
	write_file(path, "nameserver 192.0.2.1\n", 0644);
	set();
	fill_disk();
	restore();
	has_text(path, "nameserver 192.0.2.1\n");
	close(held); /* it would keep the mount busy */
	held = -1;
	ck_assert_int_eq(umount(directory), 0);
}
END_TEST

START_TEST(a_read_only_directory_is_named)
{
	if (!mount_small("size=64k"))
		return;
	write_file(path, "nameserver 192.0.2.1\n", 0644);
	ck_assert_int_eq(remount(MS_RDONLY), 0);
	refused_with(-EROFS, "remount");
	has_text(path, "nameserver 192.0.2.1\n");
	ck_assert_int_eq(umount(directory), 0);
	/* Nor can a link to nowhere be replaced there. */
	ck_assert_int_eq(mount("small", directory, "tmpfs", 0, "size=64k"), 0);
	ck_assert_int_eq(symlink("/nonexistent/resolv.conf", path), 0);
	ck_assert_int_eq(remount(MS_RDONLY), 0);
	refused_with(-ENOENT, "the file that the link leads to");
	ck_assert_int_eq(umount(directory), 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_file_comes_back_as_it_was, ours_says_what_it_should,
		a_link_comes_back_as_a_link, where_there_was_none_there_is_none,
		what_somebody_has_changed_is_left_alone, what_another_holds_is_left_alone,
		a_reader_holds_nothing, the_writer_is_named, what_is_no_file_is_refused,
		a_full_disk_cuts_nothing, a_mounted_file_is_written_in_place,
		a_link_on_a_read_only_disk_is_written_through, a_link_to_nowhere_comes_back,
		a_full_directory_keeps_its_file, a_disk_that_filled_up_gets_its_file_back,
		a_read_only_directory_is_named };

	return unit_suite("resolv_conf", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("resolv_conf", suite());
}
