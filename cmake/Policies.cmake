# The shipped policies are part of the program: policies/NAME.yaml becomes a byte array in policies.c, so that
# a host without /usr/share/fimd still has them.
file(GLOB policy_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/policies/*.yaml)
set(policies_c ${CMAKE_BINARY_DIR}/generated/policies.c)
add_custom_command(OUTPUT ${policies_c}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${policies_c} "-DFILES=${policy_files}" -P ${CMAKE_SOURCE_DIR}/cmake/EmbedPolicies.cmake
    DEPENDS ${policy_files} ${CMAKE_SOURCE_DIR}/cmake/EmbedPolicies.cmake
    VERBATIM)
add_library(fimd_policies STATIC ${policies_c})
