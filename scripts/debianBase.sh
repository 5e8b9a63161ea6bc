#!/usr/bin/env bash
# A Debian base image from Debian's packages alone, without a registry: debootstrap makes the root, the engine imports it.
#
#   sudo scripts/debianBase.sh [SUITE [TAG]]      default: bookworm, debian:SUITE
#
# Needs root, debootstrap and a mirror. Behind sudo the image goes to the store of whoever typed it. From the environment
# (after sudo, which keeps none: `sudo TAR=debian.tar scripts/debianBase.sh`):
#
#   MIRROR          another mirror than Debian's own        INCLUDE  more packages, with commas between
#   STORE           the engine's folder                     TAR      a file to write instead: `contree-local import tar:FILE`
#   CONTREE_LOCAL   how to start the command line           takes it, on any machine
#
# In the image, with the network of this machine:
#
#   contree-local run debian:bookworm --network host --tag mine -- sh -c 'apt-get update && apt-get install -y jq'
set -euo pipefail

suite=${1:-bookworm}
tag=${2:-debian:$suite}
here=$(cd "$(dirname "$0")/.." && pwd)

command -v debootstrap >/dev/null || {
  echo "debootstrap is not installed. Install it: apt-get install -y debootstrap" >&2
  exit 1
}
if [ "$(id -u)" -ne 0 ]; then
  echo "debootstrap needs root: sudo $0 $*" >&2
  exit 1
fi
home=
if [ "${SUDO_UID:-0}" -ne 0 ]; then
  home=$(getent passwd "$SUDO_UID" | cut -d: -f6) || true
  [ -n "$home" ] || [ -n "${TAR:-}" ] || {
    echo "uid $SUDO_UID has no home here, so there is no store to put the image into: run this as root without SUDO_UID, or with TAR=FILE" >&2
    exit 1
  }
fi

work=$(mktemp -d)
root=$work/debian-$suite
trap 'rm -rf --one-file-system -- "$work"' EXIT

debootstrap --variant=minbase ${INCLUDE:+--include="$INCLUDE"} "$suite" "$root" ${MIRROR:+"$MIRROR"}
# what no image needs: archives, lists that the next `apt-get update` fetches anew, what was said on the way
rm -rf "$root/var/cache/apt/archives"/*.deb "$root/var/lib/apt/lists"/* "$root/var/log/bootstrap.log"
# debootstrap copies this machine's; empty ones are covered by those of wherever a box runs
install -m 644 /dev/null "$root/etc/resolv.conf"
install -m 644 /dev/null "$root/etc/hostname"
# a box that knows a single user cannot become the one that apt fetches as
echo 'APT::Sandbox::User "root";' > "$root/etc/apt/apt.conf.d/90contree-local"

pack() { tar --numeric-owner --one-file-system -C "$root" -cf "$1" .; }

if [ -n "${TAR:-}" ]; then
  pack "$TAR"
  chown "${SUDO_UID:-0}:${SUDO_GID:-0}" "$TAR"
  echo "$TAR: contree-local import --tag $tag tar:$TAR"
  exit
fi

if [ -n "${CONTREE_LOCAL:-}" ]; then
  read -r -a local <<< "$CONTREE_LOCAL"
else
  local=("$here/node_modules/.bin/tsx" --tsconfig "$here/tsconfig.json" "$here/engine/src/bin.ts")
fi

source=dir:$root
as=()
if [ "${SUDO_UID:-0}" -ne 0 ]; then
  # who is not root cannot read all of a root file system, but a tar of it
  pack "$root.tar"
  chmod 755 "$work"
  source=tar:$root.tar
  as=(setpriv --reuid "$SUDO_UID" --regid "$SUDO_GID" --init-groups env HOME="$home")
fi
"${as[@]}" "${local[@]}" import "$source" --tag "$tag" ${STORE:+--store "$STORE"}
