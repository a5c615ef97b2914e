# ONNX is written with protobuf-c, from the part of its schema that is needed. Without protobuf-c or its compiler there is no export to ONNX,
# and `lockstep export` says so.
option(LOCKSTEP_ONNX "export networks to ONNX, where protobuf-c and its compiler are found" ON)
if(LOCKSTEP_ONNX)
  pkg_check_modules(PROTOBUF_C IMPORTED_TARGET libprotobuf-c)
  find_program(PROTOC_C protoc-c)
  find_program(PROTOC protoc)
  find_program(PROTOC_GEN_C protoc-gen-c)
endif()
if(PROTOC AND PROTOC_GEN_C) # protoc-c is its older name
  set(protobuf_compiler ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C})
elseif(PROTOC_C)
  set(protobuf_compiler ${PROTOC_C})
endif()
if(PROTOBUF_C_FOUND AND protobuf_compiler)
  set(LOCKSTEP_HAVE_ONNX ON)
else()
  message(STATUS "Without export to ONNX: for that, install protobuf-c and its compiler (libprotobuf-c-dev protobuf-c-compiler)")
endif()

# lockstep_onnx_schema(TARGET): the target gets what is made of the schema.
function(lockstep_onnx_schema target)
  if(NOT LOCKSTEP_HAVE_ONNX)
    return()
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/onnx)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${folder}/onnx.pb-c.c ${folder}/onnx.pb-c.h
    COMMAND ${protobuf_compiler} --c_out=${folder} --proto_path=${CMAKE_SOURCE_DIR}/src/export ${CMAKE_SOURCE_DIR}/src/export/onnx.proto
    DEPENDS ${CMAKE_SOURCE_DIR}/src/export/onnx.proto VERBATIM)
  add_custom_target(onnx_messages DEPENDS ${folder}/onnx.pb-c.c ${folder}/onnx.pb-c.h) # for tools that read sources without a build
  add_dependencies(${target} onnx_messages)
  set_source_files_properties(${folder}/onnx.pb-c.c PROPERTIES COMPILE_OPTIONS -w)
  target_sources(${target} PRIVATE ${folder}/onnx.pb-c.c ${folder}/onnx.pb-c.h)
  target_include_directories(${target} SYSTEM PRIVATE ${folder})
  target_compile_definitions(${target} PRIVATE LKS_HAVE_ONNX=1)
endfunction()
