# The tests that run under ThreadSanitizer: the target thread_tests builds them, the label `threads` names them.
add_custom_target(thread_tests DEPENDS test_unit_child test_unit_window_filler)
set_property(TEST unit/child unit/window_filler APPEND PROPERTY LABELS threads)
foreach(name allocations background_checkpoint gradient_sum loader network network_values op_times optimizer precision stall window)
  add_dependencies(thread_tests test_mpi_${name})
  foreach(size ${LOCKSTEP_MPI_TEST_SIZES})
    if(TEST mpi/${name}/${size})
      set_property(TEST mpi/${name}/${size} APPEND PROPERTY LABELS threads)
    endif()
  endforeach()
endforeach()

# Would ThreadSanitizer notice? Copies of our own threaded files, each with a race, take the place of the library's in a
# test that runs through them; race/NAME passes if the race is reported.

# lockstep_planted_race(NAME TEST FILE OLD NEW): the first OLD in src/FILE becomes NEW.
function(lockstep_planted_race name test file old new)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${file})
  file(READ ${CMAKE_SOURCE_DIR}/src/${file} text)
  string(FIND "${text}" "${old}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "src/${file} has no '${old}' any more, where race/${name} would plant a race")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  set(source ${CMAKE_CURRENT_BINARY_DIR}/race_${name}.c)
  file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
  lockstep_test_program(race ${name} mpi/test_${test}.c)
  target_sources(test_race_${name} PRIVATE ${source})
  target_compile_options(test_race_${name} PRIVATE -Wno-unused)
  add_dependencies(thread_tests test_race_${name})
  lockstep_register(race/${name} 2 threads ${MPIEXEC_EXECUTABLE} -n 1 $<TARGET_FILE:test_race_${name}>)
  set_tests_properties(race/${name} PROPERTIES PASS_REGULAR_EXPRESSION "WARNING: ThreadSanitizer: data race")
endfunction()

# A seek is announced without the lock.
lockstep_planted_race(loader loader dataset/loader.c
  "  pthread_mutex_lock(&loader->lock);\n  loader->seeks++;"
  "  loader->seeks++;\n  pthread_mutex_lock(&loader->lock);")
# The watch is told to end without the lock.
lockstep_planted_race(stall_watch stall comm/stall_watch.c
  "  pthread_mutex_lock(&watch.lock);\n  watch.quit = true;"
  "  watch.quit = true;\n  pthread_mutex_lock(&watch.lock);")
# Each thread computes the microbatches of those before it as well.
lockstep_planted_race(pass network model/microbatches.c
  "    for (size_t i = begin; i < end; i++) {"
  "    for (size_t i = begin - begin; i < end; i++) {")
# What became of a checkpoint is read while it is written.
lockstep_planted_race(checkpoint_writer background_checkpoint train/checkpoint_writer.c
  "  if (w->runs) pthread_join(w->thread, NULL);"
  "  if (w->runs) pthread_detach(w->thread);")
