#!/usr/bin/env bash
# Proves the README on a machine with only Node: a new Debian root (debootstrap), a clean clone of this repository in it,
# and the README's own commands, read out of the README. Needs root, debootstrap and a network. Not part of the tests.
#
#   scripts/freshMachine.sh FOLDER     FOLDER/root is made anew when absent, and used again when there
set -euo pipefail

folder=${1:?a folder for the new root}
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
root=$folder/root
node=$(readlink -f "$(command -v node)")
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")

if [ ! -e "$root/etc/debian_version" ]; then
  mkdir -p "$folder"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root"
fi

# this machine's way to its packages, whatever it is
cp -rT /etc/apt "$root/etc/apt"
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ -e /etc/hosts ] && cp /etc/hosts "$root/etc/hosts"
npm config get registry --workspaces=false > "$folder/registry"
authorities=${NODE_EXTRA_CA_CERTS:-}
[ -z "$authorities" ] || cp "$authorities" "$root/etc/authorities.pem"

rm -rf "$root/home/new/clone"
mkdir -p "$root/home/new" "$root/opt/node/bin" "$root/opt/node/lib/node_modules"
cp "$node" "$root/opt/node/bin/node"
cp -rT "$npm" "$root/opt/node/lib/node_modules/npm"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/opt/node/bin/npm"
ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$root/opt/node/bin/npx"
git clone -q "$repository" "$root/home/new/clone"

setup=$(grep -m1 '^apt-get install -y bubblewrap' "$repository/README.md")
tests=$(grep -m1 '^npm test$' "$repository/README.md")
cat > "$root/home/new/steps" <<STEPS
set -euxo pipefail
export PATH=/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/new CI=true npm_config_registry=$(cat "$folder/registry")
${authorities:+export NODE_EXTRA_CA_CERTS=/etc/authorities.pem}
cd /home/new/clone
apt-get update -qq
$setup
$tests
STEPS

unshare --mount --pid --fork --kill-child sh -c '
  mount --make-rprivate /
  mount --bind "$1" "$1"
  mount --rbind /dev "$1/dev"
  mount -t proc proc "$1/proc"
  mount -t sysfs sysfs "$1/sys"
  mount -t tmpfs tmpfs "$1/tmp"
  # not chroot: in one the kernel makes no user namespaces
  cd "$1"
  mkdir -p old
  pivot_root . old
  umount -l /old
  exec /usr/bin/env -i bash /home/new/steps
' sh "$root"
