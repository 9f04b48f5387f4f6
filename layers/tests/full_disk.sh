#!/bin/bash
# Trainings that save after each step, on a disk that fills up, under a limit of file sizes, in a folder that becomes read-only, and two
# in one folder: each ends with an error, every file that was saved stays whole, and the training then goes on to the parameters of one
# that was never disturbed.
#
#   cargo test --release -p elbo --test kill --no-run     # prints the path of the program
#   layers/tests/full_disk.sh target/release/deps/kill-...
#
# Small file systems in memory need the right to mount (root, or `unshare -rm`); without it those parts are skipped, and said to be.
set -u
program=$(realpath "$1")
work=$(mktemp -d)
failures=0
trap 'umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT

# Trains in a folder; the output goes to its log.
train() { ELBO_KILL_FOLDER=$1 ELBO_KILL_THREADS=1 "$program" --exact training --nocapture > "$work/log" 2>&1; }

check() { # what, and a command that must succeed
    if "${@:2}"; then echo "ok: $1"; else echo "FAILED: $1"; sed 's/^/    /' "$work/log" | tail -5; failures=$((failures + 1)); fi
}
says() { grep -q "$1" "$work/log"; }
equal() { cmp -s "$1/end.safetensors" "$work/whole/end.safetensors"; }
saved() { ls "$1"/run/step-*.safetensors > /dev/null 2>&1; }
is_stopped() { ! train "$1"; }

mkdir "$work/whole" && train "$work/whole" || { cat "$work/log"; exit 1; }

# A limit of file sizes: the write fails as on a full disk. A checkpoint is larger than 8 KiB.
mkdir "$work/limited"
check "a limit of file sizes is an error" bash -c "trap '' XFSZ; ulimit -f 8; ! ELBO_KILL_FOLDER=$work/limited \
    ELBO_KILL_THREADS=1 $program --exact training --nocapture > $work/log 2>&1"
check "it is named" says "cannot be written: File too large"
check "without it the training goes on" train "$work/limited"
check "to the same parameters" equal "$work/limited"

# Two trainings in one folder: the folder's lock is held.
mkdir -p "$work/shared/run"
exec 9> "$work/shared/run/lock"
flock 9
check "a second training in a folder is an error" is_stopped "$work/shared"
check "it is named" says "another training holds this folder"
exec 9>&-
check "afterwards it trains" train "$work/shared"
check "to the same parameters" equal "$work/shared"

mkdir "$work/small"
if mount -t tmpfs -o size=1m tmpfs "$work/small" 2>/dev/null; then
    # Full from the start.
    cat /dev/zero > "$work/small/ballast" 2> /dev/null
    check "a disk that is full is an error" is_stopped "$work/small"
    check "it is named" says "No space left on device"
    rm "$work/small/ballast"
    check "with space the training goes on" train "$work/small"
    check "to the same parameters" equal "$work/small"
    rm -r "$work/small"/*

    # Full after the first checkpoints, of 16 KiB each on the disk: they stay, and it goes on from them.
    cat /dev/zero > "$work/small/ballast" 2> /dev/null
    truncate -s -40K "$work/small/ballast"
    check "a disk that fills up is an error" is_stopped "$work/small"
    check "it is named" says "No space left on device"
    check "what was saved is there" saved "$work/small"
    rm "$work/small/ballast"
    check "with space the training goes on" train "$work/small"
    check "to the same parameters" equal "$work/small"
    rm -r "$work/small"/*

    # Read-only from the start.
    mount -o remount,ro "$work/small"
    check "a read-only folder is an error" is_stopped "$work/small"
    check "it is named" says "Read-only file system"
    mount -o remount,rw "$work/small"
    check "afterwards it trains" train "$work/small"
    check "to the same parameters" equal "$work/small"
else
    echo "skipped: a full disk and a read-only folder, as this user may not mount"
fi
exit $((failures > 0))
