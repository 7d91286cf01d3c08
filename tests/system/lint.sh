#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: quick suite
#
# Plants a violation of every rule of scripts/lint-layers, scripts/lint-circles and scripts/lint-exports in a small tree, and sees each refused.
# Sees that scripts/lint-shell examines what changed, and nothing else, and that scripts/lint-comments reads C as a person does.
# No network, no topology: sources and objects of a few lines.
set -euo pipefail
cd "$(dirname "$0")/../.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed=0 failed=0 said=

check() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $what"
	fi
}

holds() { # TEXT
	[[ $said == *"$1"* ]]
}

lacks() { # TEXT
	[[ $said != *"$1"* ]]
}

says() { # TEXT
	check "refuses: $1" holds "$1"
}

silent() { # TEXT
	check "says nothing of: $1" lacks "$1"
}

folder_of() { # LAYER
	case $1 in
	daemon | client) echo "$1" ;;
	*) echo "tunnel/$1" ;;
	esac
}

plant() { # FILE; the text is the input
	mkdir -p "$tree/$(dirname "$1")"
	{ echo '/* SPDX-License-Identifier: Apache-2.0 */' && cat; } >"$tree/$1"
}

# Compiles what is planted in the folders of layers, an archive each.
build() {
	local layer folder source objects
	for layer in "${layers[@]}"; do
		folder=$(folder_of "$layer") objects=()
		for source in "$tree/$folder"/object_*.c; do
			[[ -e $source ]] || continue
			objects+=("build/obj/$folder/$(basename "$source" .c).o")
			mkdir -p "$tree/build/obj/$folder"
			gcc -fno-common -c -o "$tree/${objects[-1]}" "$source"
		done
		[[ ${#objects[@]} -eq 0 ]] || (cd "$tree" && ar rcs "build/lib$layer.a" "${objects[@]}")
	done
}

run() { # WANTED-STATUS SCRIPT
	local status=0
	said=$("$tree/scripts/$2" build 2>&1) || status=$?
	check "$2 ends with status $1, not $status" test "$status" -eq "$1"
}

mkdir -p "$tree/scripts"
cp scripts/lint-layers scripts/lint-circles scripts/lint-exports "$tree/scripts/"
layers=(base wire system config lane engine netd daemon client)

# What each layer may include, said a second time on purpose.
declare -A may=(
	[base]='base'
	[wire]='base wire'
	[system]='base system'
	[config]='base system config'
	[lane]='base wire system lane'
	[engine]='base wire system config lane engine'
	[netd]='base wire system config netd'
	[daemon]='base wire system config lane engine netd daemon'
	[client]='base wire system config lane engine netd client'
)

# ---- a tree in which all is well ----

for from in "${layers[@]}"; do
	for to in ${may[$from]}; do
		# Leaves of system do not include each other; "to" is the leaf here.
		echo "#include \"$to/to_$from.h\"" | plant "$(folder_of "$from")/to_$to.c"
	done
done
rm "$tree/tunnel/system/to_system.c"
run 0 lint-layers

# ---- includes ----

for from in "${layers[@]}"; do
	for to in "${layers[@]}"; do
		[[ " ${may[$from]} " != *" $to "* ]] || continue
		echo "#include \"$to/any.h\"" | plant "$(folder_of "$from")/bad_$to.c"
	done
done
echo '#include "system/netns.h"' | plant tunnel/system/bad_leaf.c
echo '#include "../base/any.h"' | plant tunnel/wire/bad_path.c
echo '#include "nowhere/any.h"' | plant tunnel/wire/bad_folder.c
echo '#include <openssl/ssl.h>' | plant tunnel/engine/bad_openssl.c
echo '#include <netlink/netlink.h>' | plant tunnel/netd/bad_netlink.c
echo '#include <libconfig.h>' | plant tunnel/config/bad_libconfig.c

# ---- words and forms ----

calls=(strcpy strcat sprintf vsprintf stpcpy gets strncpy strncat atoi atol atoll atof system popen assert sleep usleep nanosleep
	strtok localtime gmtime ctime asctime inet_ntoa inet_aton rand random gethostbyname readdir_r alloca signal vfork)
for name in "${calls[@]}"; do
	echo "void f(void) { $name(); }" | plant "tunnel/base/call_$name.c"
done
echo 'void f(void) { my_strcpy(); /* strcpy() */ g("atoi("); x.signal(); }' | plant tunnel/base/innocent.c
echo 'int f(void);' >"$tree/tunnel/base/bad_first_line.c"
seq 900 | sed 's/.*/extern int n&;/' | plant tunnel/base/bad_length.c
echo 'int f(int *p) { return p == NULL ? 1 : 0; }' | plant tunnel/base/null_equal.c
echo 'int g(int *p) { if (p != NULL) return 1; return 0; }' | plant tunnel/base/null_condition.c
echo '_Bool h(int *p) { return p != NULL; }' | plant tunnel/base/null_value.c

# ---- objects ----

echo 'void *SSL_new(void); void *f(void) { return SSL_new(); }' | plant tunnel/wire/object_openssl.c
echo 'void *SSL_new(void); void *g(void) { return SSL_new(); }' | plant tunnel/system/object_openssl.c
echo 'void nl_close(void); void h(void) { nl_close(); }' | plant tunnel/netd/object_netlink.c
echo 'void config_init(void); void i(void) { config_init(); }' | plant tunnel/engine/object_libconfig.c
echo 'char *strerror(int); char *j(void) { return strerror(1); }' | plant tunnel/netd/object_strerror.c
for layer in base wire system config lane; do
	echo "void log_write(void); void log_of_$layer(void) { log_write(); }" | plant "tunnel/$layer/object_log.c"
done
for layer in engine netd daemon client; do
	echo "void log_write(void); void log_of_$layer(void) { log_write(); }" | plant "$(folder_of $layer)/object_log.c"
done
echo 'int in_data = 1;' | plant tunnel/engine/object_data.c
echo 'static int in_bss; int *bss(void) { return &in_bss; }' | plant daemon/object_bss.c
echo '__thread int in_thread;' | plant client/object_thread.c
echo 'const int constant = 3; static const char *const table[] = { "a" }; const char *const *t(void) { return table; }' |
	plant tunnel/netd/object_constant.c
build
run 1 lint-layers

for from in "${layers[@]}"; do
	for to in "${layers[@]}"; do
		[[ " ${may[$from]} " == *" $to "* ]] && silent "/to_$to.c:2: $from" && continue
		says "$(folder_of "$from")/bad_$to.c:2: $from includes $to"
	done
done
says 'tunnel/system/bad_leaf.c:2: leaf bad of system includes leaf netns'
says 'tunnel/wire/bad_path.c:2: "../base/any.h"'
says 'tunnel/wire/bad_folder.c:2: "nowhere/any.h" belongs to no layer'
says 'tunnel/engine/bad_openssl.c:2: <openssl/ssl.h>'
says 'tunnel/netd/bad_netlink.c:2: <netlink/netlink.h>'
says 'tunnel/config/bad_libconfig.c:2: <libconfig.h>'
for name in "${calls[@]}"; do
	says "tunnel/base/call_$name.c:2:"
done
silent innocent.c
says 'tunnel/base/null_equal.c:2: is written !pointer'
says 'tunnel/base/null_condition.c:2: is written as the pointer alone'
silent null_value.c
says 'tunnel/base/bad_first_line.c:1: the first line'
says 'tunnel/base/bad_length.c: 901 lines'
says 'libwire.a:object_openssl.o calls SSL_new'
says 'libsystem.a:object_openssl.o calls SSL_new'
says 'libnetd.a:object_netlink.o calls nl_close'
says 'libengine.a:object_libconfig.o calls config_init'
says 'libnetd.a:object_strerror.o calls strerror'
for layer in base wire system config lane; do
	says "lib$layer.a:object_log.o calls log_write"
done
for layer in engine netd daemon client; do
	silent "lib$layer.a:object_log.o"
done
says 'variable in_data (.data)'
says 'variable in_bss (.bss)'
says 'variable in_thread (.tbss)'
silent object_constant

# ---- circles ----

# A circle of files: each calls the next one.
circle() { # FILE...
	local files=("$@") index next
	for index in "${!files[@]}"; do
		next=$(((index + 1) % ${#files[@]}))
		echo "void ${files[next]//\//_}(void); void ${files[index]//\//_}(void) { ${files[next]//\//_}(); }" |
			plant "${files[index]}.c"
	done
}

rm -rf "$tree/tunnel" "$tree/daemon" "$tree/client" "$tree/build"
circle tunnel/lane/object_{a,b,c,d,e}
circle tunnel/engine/object_x daemon/object_y
circle tunnel/wire/object_{m,n}
echo 'void tunnel_wire_object_m(void); void alone(void) { tunnel_wire_object_m(); }' | plant tunnel/wire/object_alone.c
build
run 1 lint-circles
says 'circle of 5 files, more than 4: tunnel/lane/object_a tunnel/lane/object_b'
says 'circle that crosses folders: daemon/object_y tunnel/engine/object_x'
says 'circle that scripts/lint-circles does not name with its reason: tunnel/wire/object_m tunnel/wire/object_n'
silent object_alone
# The names of the real list are not in this tree.
says 'names a circle that does not exist any more: tunnel/wire/proxy_http tunnel/wire/proxy_socks5'

list() { # SCRIPT LINES
	sed -i "/<<-'TEXT'/,/^\tTEXT/{/TEXT/!d}" "$tree/scripts/$1"
	printf '%s\n' "$2" >"$tree/list"
	sed -i "/<<-'TEXT'/r $tree/list" "$tree/scripts/$1"
}

rm -rf "$tree/tunnel/lane" "$tree/daemon" "$tree/tunnel/engine"
list lint-circles 'tunnel/wire/object_m tunnel/wire/object_n: they belong together'
run 0 lint-circles
list lint-circles 'tunnel/wire/object_m tunnel/wire/object_n: '
run 1 lint-circles
says 'is in the list without a reason'

# ---- exports ----

rm -rf "$tree/tunnel" "$tree/build"
echo 'void used(void); int main(void) { used(); return 0; }' | plant daemon/object_main.c
echo 'void used(void) { }' | plant tunnel/lane/object_used.c
echo 'static void hidden(void) { } void tested(void) { hidden(); } void dead(void) { tested(); }' |
	plant tunnel/lane/object_lonely.c
echo 'void tested(void); void test(void) { tested(); }' | plant tests/unit/test_lonely.c
build
run 1 lint-exports
says 'tunnel/lane/object_lonely.c: no other file uses tested:'
says 'tunnel/lane/object_lonely.c: no other file uses dead:'
for name in main used hidden; do
	silent "uses $name:"
done
says 'names run_parse, which is gone'
list lint-exports $'tested: a reason\ndead: a reason'
run 1 lint-exports
says 'names dead, which no test calls'
silent tested
list lint-exports $'tested: a reason\ndead:'
run 1 lint-exports
says 'no other file uses dead:'
list lint-exports $'tested: a reason\nused: a reason'
run 1 lint-exports
says 'names used, which is gone or which another file uses'
echo 'void tested(void) { }' | plant tunnel/lane/object_lonely.c
build
list lint-exports 'tested: a reason'
run 0 lint-exports

# ---- shell scripts ----

# A stand-in for shellcheck, which writes down what it is given and dislikes whatever says "wrong".
rm -rf "$tree" && mkdir -p "$tree/scripts" "$tree/lib"
cp scripts/lint-shell "$tree/scripts/"
cat >"$tree/shellcheck" <<-'TEXT'
	#!/usr/bin/env -S bash
	[[ $1 != --version ]] || { echo 'version: 1' && exit; }
	echo "${@: -1}" >>"${0%/*}/examined"
	! grep -q "wr""ong" "${@: -1}"
TEXT
chmod 755 "$tree/shellcheck"
printf '#!/bin/bash\n# shellcheck source=lib/one.sh\nsource lib/one.sh\n' >"$tree/user"
printf '#!/bin/sh\n' >"$tree/alone"
printf '# shellcheck shell=bash\nsource lib/two.sh\n' >"$tree/lib/one.sh"
printf '# shellcheck shell=bash\n' >"$tree/lib/two.sh"
echo 'no script' >"$tree/text"

examines() { # WANTED-STATUS SCRIPT...
	: >"$tree/examined"
	SHELLCHECK=$tree/shellcheck run "$1" lint-shell
	said=$(sed "s|^$tree/||" "$tree/examined" | sort | sed '/^scripts.lint-shell$/d; /^shellcheck$/d' | xargs)
	check "lint-shell examines '${*:2}', not '$said'" test "$said" = "${*:2}"
}

examines 0 alone lib/one.sh lib/two.sh user
examines 0
echo '# other' >>"$tree/lib/two.sh"
examines 0 lib/one.sh lib/two.sh user
echo '# wrong' >>"$tree/alone"
examines 1 alone
examines 1 alone
printf '#!/bin/sh\n' >"$tree/alone"
examines 0 alone

# The real one sees what a library shares, also where it stands for no value, and what no library has.
if [[ -n $(command -v shellcheck) ]]; then
	mkdir "$tree/outlined"
	cp -r "$tree/scripts" "$tree/outlined/"
	cat >"$tree/outlined/library.sh" <<-'TEXT'
		# shellcheck shell=bash
		WHERE=$(pwd)
		declare -A ages=()
		names=()
		export WHERE
		greet() { # NAME
			local secret=$1
			names+=("$secret")
			echo "$GREETING $secret ${ages[$secret]} $((YEARS + 1))"
		}
	TEXT
	cat >"$tree/outlined/good" <<-'TEXT'
		#!/bin/bash
		# shellcheck source=library.sh
		source "${0%/*}/library.sh"
		GREETING=hello YEARS=3
		ages[you]=4
		greet you
		echo "$WHERE ${names[0]}"
	TEXT
	said=$("$tree/outlined/scripts/lint-shell" 2>&1) && status=0 || status=$?
	check "a script may use what its library shares: $said" test "$status" -eq 0
	# shellcheck disable=SC2016 # The planted script expands.
	sed 's/^greet you/echo "$secret" "$absent"\nname=$WHERE; greet $name/' "$tree/outlined/good" >"$tree/outlined/bad"
	said=$("$tree/outlined/scripts/lint-shell" 2>&1) && status=0 || status=$?
	check "a bad script is refused, not with $status" test "$status" -eq 1
	says 'In bad line'
	says 'secret is referenced but not assigned'
	says 'absent is referenced but not assigned'
	says 'Double quote to prevent globbing'
fi

# ---- comments ----

long=$(printf 'word %.0s' {1..31})
{
	echo "/* ${long% } */"
	echo 'int value; /* made anew */'
	printf '/*\n * A short sentence. A peer\n * who sends two is one.\n */\n'
} >"$tree/bad.c"
{
	echo "/* ${long% word }. ${long% word }: ${long% word } */"
	echo 'int anew; /* an administrator who looks at it */'
	printf '/*\n * --list   %s\n * --all    %s\n */\n' "${long% word word }" "${long% word word }"
	printf '/*\n * %s\n *\n * %s\n */\n' "${long% word }" "${long% word }"
} >"$tree/good.c"
said=$(scripts/lint-comments "$tree/bad.c") && status=0 || status=$?
check "bad comments are refused, not with $status" test "$status" -eq 1
says 'bad.c:1: a sentence has more than 30 words'
says 'bad.c:2: docs/glossary.md has another word for " anew "'
says 'bad.c:3: docs/glossary.md has another word for " who "'
check 'three findings' test "$(wc -l <<<"$said")" -eq 3
said=$(scripts/lint-comments "$tree/good.c") && status=0 || status=$?
check "good comments are accepted: $said" test "$status" -eq 0

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
