#!/usr/bin/env bash
# What package_test.sh does on the fresh system.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

ok() { echo "ok    $1"; }
wrong() {
    echo "WRONG $1"
    systemctl status --no-pager --lines=20 saccade.service || true
    exit 1
}
apt_install() { apt-get install --yes --quiet --no-install-recommends "$1" >log 2>&1 || { tail -n 20 log; wrong "installing $1"; }; }
clips() { saccade status --json | sed -n 's/.*"index":{"clips":\([0-9]*\).*/\1/p'; }

apt-get update --quiet >log 2>&1
if [[ -e previous.deb ]]; then apt_install ./previous.deb; else apt_install ./saccade.deb; fi
ok "installed: $(saccade --version)"

systemctl is-enabled --quiet saccade.socket && wrong "the socket is enabled, and nobody asked for it"
systemctl enable --now --quiet saccade.socket
systemctl is-active --quiet saccade.service && wrong "the service runs before anybody asks it"
saccade status >/dev/null || wrong "the socket doesn't start the service"
systemctl is-active --quiet saccade.service || wrong "the service doesn't run"
ok "started by its socket"

saccade watch add /srv/footage >/dev/null
saccade status --wait >/dev/null 2>log
[[ $(clips) -ge 3 ]] || wrong "only $(clips) clips"
saccade search "colorful stripes" 2>log | grep -q /srv/footage || wrong "nothing found"
ok "indexed $(clips) clips, and found one"

useradd --create-home --groups saccade member
useradd --create-home stranger
runuser --user member -- saccade search "colorful stripes" 2>log | grep -q /srv/footage || wrong "a member of the group can't search"
runuser --user member -- saccade watch add /home/member >log 2>&1 && wrong "a member of the group can add folders"
runuser --user stranger -- saccade search "colorful stripes" >log 2>&1 && wrong "a stranger can search"
ok "the group may search, and nobody else"

exposure=$(systemd-analyze security saccade.service | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
awk "BEGIN { exit !($exposure <= 1.1) }" || wrong "the unit's exposure is $exposure"
ok "the unit's exposure is $exposure"
[[ $(stat -c %a /var/lib/saccade) == 700 ]] || wrong "others see into the state folder"
ok "the state folder is its user's alone"

if [[ -e previous.deb ]]; then
    before=$(clips) started=$(systemctl show --property=MainPID --value saccade.service)
    apt_install ./saccade.deb
    saccade status --wait >/dev/null 2>log
    [[ $(systemctl show --property=MainPID --value saccade.service) != "$started" ]] || wrong "the upgrade left the old program running"
    [[ $(clips) == "$before" ]] || wrong "$(clips) clips after the upgrade instead of $before"
    saccade search "colorful stripes" 2>log | grep -q /srv/footage || wrong "nothing found after the upgrade"
    ok "upgraded to $(saccade --version), with its $before clips"
    apt-get install --yes --quiet --allow-downgrades ./previous.deb >log 2>&1 || wrong "going back"
    message=$(journalctl --unit saccade.service --output cat | grep -m 1 'newer version' || true)
    [[ -n $message ]] || saccade status >/dev/null || wrong "the previous version neither runs nor says why"
    ok "back to $(saccade --version): ${message:-it runs}"
    apt_install ./saccade.deb
    systemctl reset-failed saccade.service
    saccade status --wait >/dev/null 2>log
    [[ $(clips) == "$before" ]] || wrong "$(clips) clips after going forth again instead of $before"
    ok "and forth again, with its $before clips"
fi

apt-get remove --yes --quiet saccade >/dev/null 2>&1
systemctl is-active --quiet saccade.service && wrong "the service outlives its package"
[[ -d /var/lib/saccade ]] || wrong "removing took the index"
apt_install ./saccade.deb
saccade status --wait >/dev/null 2>log || systemctl start saccade.socket
saccade search "colorful stripes" 2>log | grep -q /srv/footage || wrong "nothing found after removing and installing again"
ok "removed and installed again, with its index"
apt-get purge --yes --quiet saccade >/dev/null 2>&1
[[ ! -e /var/lib/saccade ]] || wrong "purging left the index"
[[ -z $(find /etc/systemd /usr/lib/systemd /lib/systemd -name '*saccade*') ]] || wrong "purging left units"
ok "purged"
