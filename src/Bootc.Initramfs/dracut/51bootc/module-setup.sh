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
  hostonly='' instmods erofs overlay loop
}

install() {
  inst_simple /usr/lib/bootc/initramfs-setup
  inst_simple "$systemdsystemunitdir/bootc-root-setup.service"
  $SYSTEMCTL -q --root "$initdir" add-wants initrd-root-fs.target bootc-root-setup.service

  local config=/usr/lib/composefs/setup-root-conf.toml
  [[ ! -e "$dracutsysrootdir$config" ]] || inst_simple "$config"
}
