#!/usr/bin/env bash
# A Debian base image from Debian's packages alone, without a registry: debootstrap makes the root, the engine imports it.
#
#   scripts/debianBase.sh [SUITE [TAG]]      default: bookworm, debian:SUITE
#
# Needs root (or sudo), debootstrap and a mirror. MIRROR names another mirror, INCLUDE more packages, STORE the engine's
# folder, CONTREE_LOCAL another way to start the command line. In the image:
#
#   contree-local run debian:bookworm --network host --tag mine -- sh -c 'apt-get update && apt-get install -y jq'
set -euo pipefail

suite=${1:-bookworm}
tag=${2:-debian:$suite}
mirror=${MIRROR:-}
here=$(cd "$(dirname "$0")/.." && pwd)

command -v debootstrap >/dev/null || {
  echo "debootstrap is not installed. Install it: apt-get install -y debootstrap" >&2
  exit 1
}
if [ "$(id -u)" -ne 0 ]; then
  echo "debootstrap needs root: sudo $0 $*" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$work"' EXIT

debootstrap --variant=minbase ${INCLUDE:+--include="$INCLUDE"} "$suite" "$work/root" ${mirror:+"$mirror"}
# what no image needs: archives, and lists that the next `apt-get update` fetches anew
rm -rf "$work/root/var/cache/apt/archives"/*.deb "$work/root/var/lib/apt/lists"/*
# a box that knows a single user cannot become the one that apt fetches as
echo 'APT::Sandbox::User "root";' > "$work/root/etc/apt/apt.conf.d/90contree-local"

if [ -n "${CONTREE_LOCAL:-}" ]; then
  read -r -a local <<< "$CONTREE_LOCAL"
else
  local=(npx --prefix "$here" tsx "$here/engine/src/bin.ts")
fi
"${local[@]}" import "dir:$work/root" --tag "$tag" ${STORE:+--store "$STORE"}
