#!/bin/bash
# Called by dracut. Only images that ask for it (add_dracutmodules+=" bootc ") get this module.

check() {
  return 255
}

depends() {
  echo systemd-initrd
}

installkernel() {
  # loop: kernels before 6.12 cannot mount EROFS from a file.
  hostonly='' instmods erofs overlay loop efivarfs
  # Whatever hangs so that nothing else notices: systemd feeds the watchdog where it is told to (RuntimeWatchdogSec=).
  hostonly='' instmods =drivers/watchdog
}

install() {
  inst_simple /usr/lib/bootc/initramfs-setup
  inst_simple "$systemdsystemunitdir/bootc-root-setup.service"
  $SYSTEMCTL -q --root "$initdir" add-wants initrd-root-fs.target bootc-root-setup.service

  # A boot that is counted ends in the next one, not at a prompt.
  inst_multiple sleep systemctl
  inst_simple "$systemdsystemunitdir/bootc-reboot-counted.service"
  inst_simple "$systemdsystemunitdir/bootc-boot-deadline.timer"
  $SYSTEMCTL -q --root "$initdir" add-wants emergency.target bootc-reboot-counted.service
  $SYSTEMCTL -q --root "$initdir" add-wants sysinit.target bootc-boot-deadline.timer

  local config=/usr/lib/composefs/setup-root-conf.toml
  [[ ! -e "$dracutsysrootdir$config" ]] || inst_simple "$config"
}
