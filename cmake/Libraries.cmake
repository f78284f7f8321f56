# Debian's packages, each by its pkg-config file.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
foreach(pair LMDB=lmdb CRYPTO=libcrypto CURL=libcurl CJSON=libcjson YAML=yaml-0.1 ZLIB=zlib
             PCRE2=libpcre2-8 AUDIT=audit CAPNG=libcap-ng SECCOMP=libseccomp SYSTEMD=libsystemd)
    string(REPLACE "=" ";" pair ${pair})
    list(GET pair 0 name)
    list(GET pair 1 module)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()
