#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-vm start of VMs on a bridge: what is refused, what is made, what passes, what is left. Their
# frames are sent by the VMM's own fd; cli_vm_net_boot.sh has a guest that sends some by itself.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
here=$(dirname "$0")
net=/sys/class/net

# soon COMMAND...: within 20 s
soon()
{
	local i
	for ((i = 0; i < 200; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

# config NETWORK: of a VM called v
config()
{
	cat >"$dir/vm.yaml" <<-END
		vm: {name: v}
		machine: {type: q35, accel: tcg}
		hardware: {cpu: {model: qemu64}, memory: {size: 64}}
		network: $1
	END
}

start()
{
	run timeout 60 "$@" qwamos-vm start "$dir/vm.yaml" --serial "$dir/serial"
}

# vm_up: starts it; true once QEMU answers
vm_up()
{
	qwamos-vm start "$dir/vm.yaml" --foreground --serial "$dir/serial" >"$dir/vm.log" 2>&1 &
	vm=$!
	soon grep -q "VM v runs" "$dir/vm.log" && q=$(qwamos-gpu vm list | awk '$2 == "v" { print $NF }')
}

down()
{
	run qwamos-vm stop v --now
	wait $vm
}

netdev()
{
	tr '\0' '\n' <"/proc/$q/cmdline" | grep '^tap,'
}

tap_fd()
{
	netdev | sed -n 's/.*,fd=\([0-9]*\),.*/\1/p'
}

frame()
{
	"$here/../lib/tap_frames.py" "$q" "$(tap_fd)" "$@"
}

no_frame()
{
	frame "$@"
	[ $? = 1 ]
}

master()
{
	basename "$(readlink "$net/$1/master")"
}

# has_flag FILE BIT
has_flag()
{
	(($(cat "$1") & $2))
}

nothing_left()
{
	[ ! -e $net/qw-v ] && [ ! -e /sys/fs/cgroup/qwamos/v ] && qwamos-gpu vm list | grep -q "^no VMs"
}

echo "TAP version 13"
modprobe -a bridge tun vhost_net || exit

# What is not there is told with its place, before anything is made.
config '{mode: bridge, bridge: br0}'
for how in "" --dry-run; do
	run qwamos-vm start "$dir/vm.yaml" $how
	says 1 "vm.yaml:4:33: error: network.bridge: there is no bridge br0 on this computer: 'ip link add br0 type bridge'" \
		"a bridge that is not there is refused${how:+ ($how)}"
done
check "and nothing is said of a running VM" sh -c "! grep -q runs '$dir/out'"
ip tuntap add other mode tap
config '{mode: isolated, bridge: other}'
start
says 1 "vm.yaml:4:35: error: network.bridge: other is no bridge, but of the type tun:" "a network device that is no bridge is refused"
config '{mode: bridge, bridge: lo}'
start
says 1 "lo is no bridge: 'ip link show type bridge' lists" "so is one of no type"
ip link delete other
config '{mode: bridge, bridge: br0, device: none}'
run qwamos-vm start "$dir/vm.yaml" --dry-run
says 0 "" "device: none needs no bridge"
check "and has none" sh -c "! grep -q 'netdev' '$dir/out'"

ip link add br0 type bridge
ip link set br0 mtu 1400
config '{mode: bridge, bridge: br0}'
run qwamos-vm start "$dir/vm.yaml" --dry-run --strict
says 1 "vm.yaml:4:33: warning: network.bridge: the bridge br0 is down" "a bridge that is down is a warning, an error with --strict"
ip addr add 192.0.2.1/24 dev br0
ip addr add fd00::1/64 dev br0 nodad
ip link set br0 up
mv /dev/net/tun /dev/net/elsewhere
start
says 1 "vm.yaml:4:17: error: network.mode: there is no /dev/net/tun: 'modprobe tun' brings it" "no /dev/net/tun: refused"
mv /dev/net/elsewhere /dev/net/tun
start setpriv --bounding-set=-net_admin
says 1 "tap device qw-v can't be made without CAP_NET_ADMIN" "without the right to make it: refused"
check "and nothing is left" nothing_left
ip tuntap add qw-v mode tap
start
says 1 "a network device qw-v is there already,.*'ip link delete qw-v'" "a device of its name is not taken over"
check "nor put on the bridge" test ! -e $net/qw-v/master
ip link delete qw-v
check "and nothing is left" nothing_left
PATH=/nonexistent run "$(command -v qwamos-vm)" start "$dir/vm.yaml"
says 1 "is not installed" "no QEMU: refused"
check "and nothing is left" nothing_left
run qwamos-vm start "$dir/vm.yaml" --dry-run
says 0 "to make:" "--dry-run tells the device"
check "by name, and its bridge" grep -q "the tap device qw-v, on the bridge br0" "$dir/out"
check "and makes none" test ! -e $net/qw-v

# What is made.
check "start: on a bridge" vm_up
check "its tap device is on that bridge" test "$(master qw-v)" = br0
check "and switched on" has_flag $net/qw-v/flags 0x1
check "with the bridge's MTU" test "$(cat $net/qw-v/mtu)" = 1400
check "of which the bridge keeps its own" test "$(cat $net/br0/mtu)" = 1400
check "with no address of the bridge's choice" grep -q ^fe: $net/qw-v/address
check "it goes with its fd" sh -c "! ip -d link show qw-v | grep -q 'persist on'"
check "the host has no IP on it" sh -c "ip addr show qw-v | grep -q 'mtu 1400' && ! ip addr show qw-v | grep inet"
check "QEMU was given it as an fd, with vhost" sh -c "echo '$(netdev)' | grep -Eqx 'tap,id=net0,fd=[0-9]+,vhost=on,vhostfd=[0-9]+'"
check "and has that" test "$(readlink "/proc/$q/fd/$(tap_fd)")" = /dev/net/tun
check "its supervisor has not" sh -c "! ls -l /proc/$vm/fd | grep -E '/dev/(net/tun|vhost-net)'"

# What passes. The addresses 01:80:c2:00:00:0x are the port's own, by which nothing gets past the bridge.
mac=$(cat $net/br0/address)
lldp=01:80:c2:00:00:0e
check "the host answers the VM's ARP" frame arp ff:ff:ff:ff:ff:ff
check "and gets its IP" frame udp "$mac"
check "and its IPv6" frame udp6 "$mac"
check "not ARP that is sent past the bridge" no_frame arp $lldp
check "nor IP" no_frame udp $lldp
check "nor IPv6" no_frame udp6 $lldp
echo 0 >/proc/sys/net/ipv4/conf/qw-v/drop_unicast_in_l2_multicast
echo 0 >/proc/sys/net/ipv6/conf/qw-v/disable_ipv6
ip link set qw-v arp on
check "which only its settings keep out: ARP" frame arp $lldp
check "IP" frame udp $lldp
check "and IPv6" frame udp6 $lldp
down
check "stop: the device is gone" nothing_left
check "the bridge is not" test -e $net/br0

# However it ends.
check "start again, isolated with a bridge" eval "config '{mode: isolated, bridge: br0}'; vm_up"
check "is on that bridge" test "$(master qw-v)" = br0
run qwamos-vm start "$dir/vm.yaml"
says 1 "VM v is running already" "a second start is refused as such"
check "and leaves the device alone" test "$(master qw-v)" = br0
kill -9 "$q"
wait $vm
check "QEMU is killed: the device is gone" nothing_left
config '{mode: bridge, bridge: br0}'
check "start again, to lose its supervisor" vm_up
kill -9 $vm
wait $vm 2>/dev/null
soon test ! -e $net/qw-v && ok "the supervisor is killed: the device is gone" || not_ok "the supervisor is killed: the device is gone"
check "and it can be started again at once" vm_up
check "with its device" test "$(master qw-v)" = br0
check "a VMM has its device outlive it" frame persist
down
check "it is removed all the same" nothing_left
check "and that is told" grep -q "the VM had its tap device outlive it; removed" "$dir/vm.log"
config '{mode: bridge, bridge: br0, device: e1000}'
check "start again, to lose its bridge" vm_up
check "e1000 has no vhost" sh -c "echo '$(netdev)' | grep -Eqx 'tap,id=net0,fd=[0-9]+,vhost=off'"
ip link delete br0
check "the device stays" test -e $net/qw-v
check "on no bridge" test ! -e $net/qw-v/master
down
check "and goes with the VM" nothing_left

config '{mode: isolated}'
check "start: isolated, without a bridge" vm_up
check "a network device that leads nowhere" sh -c "tr '\\0' '\\n' </proc/$q/cmdline | grep -qx 'hubport,id=net0,hubid=0'"
check "and no tap device" sh -c "! ls $net | grep ^qw-"
down
echo "1..$n"
